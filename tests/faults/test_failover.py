"""A master that dies, hangs or forgets in the middle of a run, in a cluster and behind sentinels."""

import time

import pytest
import redis

from local.servers.redis_cluster import RedisCluster
from local.servers.redis_sentinel import MASTER_NAME, RedisBehindSentinel
from stocksync.adapters.redis_check import check_redis
from stocksync.adapters.redis_lock import RedisRunLock
from stocksync.adapters.redis_sentinel import SentinelAddress
from stocksync.adapters.redis_slots import SLOTS, slot_of
from stocksync.adapters.redis_spaces import opened
from stocksync.errors import CacheUnavailable, StockSyncError
from tests.kit.outbox import DATE, RUN, outbox_of, proposal
from tests.kit.promises import assert_promises
from tests.kit.retried_run import QuietShop
from tests.kit.whole_cluster import HURRIED, UNHURRIED, client_of

PRODUCTS = 40


@pytest.fixture
def servers(run_folder):
    """Three masters, each with a replica."""
    with RedisCluster(run_folder, replicas=3) as servers:
        yield servers


@pytest.fixture
def cluster_client(servers):
    with client_of(servers, UNHURRIED) as client:
        yield client


def products_of_the_first_master(count=PRODUCTS):
    found, number = [], 0
    while len(found) < count:
        if slot_of(f"stock:P{number}".encode()) < SLOTS // 3:
            found.append(f"P{number}")
        number += 1
    return found


def until(true, seconds=30):
    end = time.monotonic() + seconds
    while True:
        try:
            if true():
                return
        except redis.RedisError:
            pass
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def is_master(node):
    return node.client().info("replication")["role"] == "master"


def outlived(shop, plan, id_range, step, master, heir):
    """Reconcile a range whose master is killed at a step, in as many attempts as Airflow makes; return the outcome."""
    dead = []

    def reached(at):
        if at == step and not dead:
            dead.append(master.process.kill())

    def attempt():
        try:
            return shop.reconcile(plan, id_range, reached=reached)
        except StockSyncError:
            return None

    outcome = attempt()
    until(lambda: is_master(heir))
    for _ in range(5):
        outcome = outcome or attempt()
    assert dead
    return outcome


def copied(servers):
    """Every replica has what its master has."""

    def offsets():
        return [node.client().info("replication") for node in servers.nodes]

    until(
        lambda: (
            len({o["master_repl_offset"] for o in offsets()[:1] + offsets()[3:4]}) == 1
            and all(o.get("master_link_status", "up") == "up" for o in offsets())
        )
    )


@pytest.mark.fault(35)
def test_what_no_replica_confirmed_is_told_to_nobody_and_a_retry_finds_what_was_kept(servers, cluster_client):
    ids = products_of_the_first_master()
    cluster_client.mset({f"stock:{i}": 97 for i in ids})
    copied(servers)
    RedisRunLock(cluster_client, DATE, RUN.run_id).hold()
    outbox = outbox_of(cluster_client)
    outbox.take_over()
    master, replica = servers.masters[0], servers.nodes[3]
    confirmed, unconfirmed = ids[: PRODUCTS // 2], ids[PRODUCTS // 2 :]
    assert outbox.commit(0, [proposal(i) for i in confirmed]) == [True] * len(confirmed)

    replica.process.pause()
    with pytest.raises(CacheUnavailable, match=r"no replica of .* has confirmed within 1000 ms"):
        outbox.commit(1, [proposal(i) for i in unconfirmed])
    master.process.kill()
    replica.process.resume()
    until(lambda: is_master(replica))
    until(lambda: cluster_client.get(f"stock:{ids[0]}") is not None or cluster_client.map.reload())

    heir = outbox_of(cluster_client)
    heir.take_over()
    found = {entry.finding.product_id for entry in heir.pending()}
    assert found >= set(confirmed)
    restored = {i for i in ids if cluster_client.get(f"stock:{i}") == b"100"}
    assert found == restored, "a record without its restore, or a restore without its record"


@pytest.mark.fault(35)
@pytest.mark.parametrize("step", ["settled", "looked again", "committed"])
def test_a_master_that_dies_in_the_middle_of_a_run_costs_attempts_and_nothing_else(
    database, servers, cluster_client, step
):
    rows = [(i, 100, (99, 100, 20, 108, None)[n % 5]) for n, i in enumerate(products_of_the_first_master())]
    cluster_client.patience = HURRIED
    shop = QuietShop(database, cluster_client, "", "").build()
    shop.stock(rows)
    plan, [id_range] = shop.plan(), shop.ranges()
    copied(servers)
    outcome = outlived(shop, plan, id_range, step, servers.masters[0], heir=servers.nodes[3])

    assert_promises(shop, rows, shop.close(plan, [id_range], {0: outcome}))


@pytest.mark.fault(36)
def test_a_master_that_was_frozen_and_thaws_adds_nothing_to_what_its_successor_did(servers, cluster_client):
    ids = products_of_the_first_master(4)
    cluster_client.mset({f"stock:{i}": 97 for i in ids})
    copied(servers)
    RedisRunLock(cluster_client, DATE, RUN.run_id).hold()
    outbox = outbox_of(cluster_client)
    outbox.take_over()
    master, replica = servers.masters[0], servers.nodes[3]

    run = outbox._space.run

    def to_a_frozen_master(script, calls):
        master.process.pause()
        return run(script, calls)

    outbox._space.run = to_a_frozen_master
    with pytest.raises(CacheUnavailable, match="a retry reads in the outbox"):
        outbox.commit(0, [proposal(i) for i in ids])
    until(lambda: is_master(replica))
    until(lambda: cluster_client.get(f"stock:{ids[0]}") is not None or cluster_client.map.reload())
    RedisRunLock(cluster_client, DATE, RUN.run_id).hold()
    heir = outbox_of(cluster_client)
    heir.take_over()
    assert heir.pending() == []
    assert heir.commit(0, [proposal(i) for i in ids]) == [True] * len(ids)
    cluster_client.mset({f"stock:{i}": 97 for i in ids})  # three are sold, in both stores

    master.process.resume()
    until(lambda: not is_master(master))
    until(lambda: master.client().info("replication")["master_link_status"] == "up")

    assert [cluster_client.get(f"stock:{i}") for i in ids] == [b"97"] * len(ids)
    assert len(heir.pending()) == len(ids)


# --- behind sentinels --------------------------------------------------------------------------------------------


@pytest.fixture
def behind_sentinel(run_folder):
    """A master, its replica and a sentinel that knows both."""
    with RedisBehindSentinel(run_folder) as servers:
        until(servers.sentinel.knows_the_replica)
        yield servers


@pytest.fixture
def sentinel_client(behind_sentinel):
    sentinel, master = behind_sentinel.sentinel, behind_sentinel.master
    address = SentinelAddress(
        ((sentinel.host, sentinel.port),), MASTER_NAME, {"password": master.password}, {"password": sentinel.password}
    )
    with opened(address, HURRIED) as client:
        client.patience = HURRIED
        yield client


@pytest.mark.fault(35)
@pytest.mark.parametrize("step", ["looked again", "committed"])
def test_a_master_that_sentinels_replace_in_the_middle_of_a_run_costs_attempts_and_nothing_else(
    database, behind_sentinel, sentinel_client, step
):
    rows = [(f"P{n}", 100, (99, 100, 20, 108, None)[n % 5]) for n in range(PRODUCTS)]
    check_redis(sentinel_client, "stock:", writes=True)
    shop = QuietShop(database, sentinel_client, "", "").build()
    shop.stock(rows)
    sentinel_client.execute_command("WAIT", 1, 5000)
    plan, [id_range] = shop.plan(), shop.ranges()
    outcome = outlived(shop, plan, id_range, step, behind_sentinel.master, heir=behind_sentinel.replica)

    assert_promises(shop, rows, shop.close(plan, [id_range], {0: outcome}))


def test_what_a_lagging_replica_behind_sentinels_did_not_confirm_is_told_to_nobody(behind_sentinel, sentinel_client):
    sentinel_client.mset({"stock:a": 97, "stock:b": 97})
    RedisRunLock(sentinel_client, DATE, RUN.run_id).hold()
    outbox = outbox_of(sentinel_client)
    outbox.take_over()
    assert outbox.commit(0, [proposal("a")]) == [True]

    behind_sentinel.replica.process.pause()
    with pytest.raises(CacheUnavailable, match="no replica of the master has confirmed within 1000 ms"):
        outbox.commit(1, [proposal("b")])
    behind_sentinel.replica.process.resume()

    heir = outbox_of(sentinel_client)
    heir.take_over()
    assert [entry.finding.product_id for entry in heir.pending()] == ["a", "b"]
