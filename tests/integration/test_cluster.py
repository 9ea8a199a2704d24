"""What is particular about three masters: counters of many slots, slots that move, keys that are used together."""

import json
import random

import pytest

from stocksync.adapters.redis_check import check_redis
from stocksync.adapters.redis_cluster_cache import ClusterStockCache
from stocksync.adapters.redis_delivery_log import RedisDeliveryLog, RedisOpenIncidents
from stocksync.adapters.redis_lock import RedisRunLock
from stocksync.adapters.redis_slots import SLOTS, slot_of, tags
from stocksync.alerting.ports import Delivered, OpenIncident
from stocksync.errors import BadSetting, CacheUnavailable
from stocksync.model.progress import Progress
from stocksync.model.stock import Unreadable
from stocksync.reconcile.ports import LedgerBatch
from tests.kit.outbox import DATE, RUN, outbox_of, proposal
from tests.kit.whole_cluster import UNHURRIED, Moves, client_of

IDS = ["a", "", "{tag}", "{}", "}{", "{b}c", "é", "🎈", "k" * 1000, "cr\r\nlf", *(f"P{n}" for n in range(990))]


@pytest.fixture
def counters(three_masters):
    return ClusterStockCache(three_masters, "stock:")


@pytest.fixture
def moves(redis_cluster):
    """Moves the slot of counter a, and puts it back."""
    with Moves(redis_cluster, slot_of(b"stock:a")) as moves:
        yield moves


@pytest.fixture
def outbox(three_masters):
    three_masters.patience = UNHURRIED
    RedisRunLock(three_masters, DATE, RUN.run_id).hold()
    outbox = outbox_of(three_masters)
    outbox.take_over()
    return outbox


def along(counters, ids):
    batches = [LedgerBatch([i.encode() for i in ids[start : start + 30]], []) for start in range(0, len(ids), 30)]
    return [value for batch, values in counters.read_along(iter(batches)) for value in values]


@pytest.mark.parametrize("prefix", ["stock:", "", "{shop}:", "{:"])
def test_slots_are_those_that_redis_says(three_masters, prefix):
    rng = random.Random(7)
    keys = [prefix + "".join(rng.choices("ab{}:é", k=rng.randint(0, 9))) for _ in range(200)]

    assert [slot_of(key.encode()) for key in keys] == [three_masters.cluster_keyslot(key) for key in keys]


def test_any_slot_can_be_named(three_masters):
    assert [slot_of(f"sync:stock:{tag}:fence".encode()) for tag in tags()] == list(range(SLOTS))


@pytest.mark.fault(31)
@pytest.mark.parametrize("prefix", ["stock:", "{shop}:stock:"])
def test_counters_come_in_the_order_in_which_they_were_asked_for(three_masters, prefix):
    counters = ClusterStockCache(three_masters, prefix)
    expected = [b"%d" % number if number % 3 else None for number in range(len(IDS))]
    expected[IDS.index("P7")] = Unreadable.WRONG_TYPE
    three_masters.rpush(f"{prefix}P7", "a list")
    three_masters.mset({prefix + i: value for i, value in zip(IDS, expected, strict=True) if isinstance(value, bytes)})

    assert along(counters, IDS) == expected
    assert counters.read(IDS) == expected
    assert [value for value, _ in counters.look(IDS)] == expected
    counters.forget()


def test_every_write_on_any_node_is_noticed(three_masters, counters):
    ids = [f"P{n}" for n in range(50)]
    three_masters.mset({f"stock:P{n}": 5 for n in range(40)})
    counters.look(ids)
    three_masters.set("stock:P1", 5)  # the same bytes
    three_masters.delete("stock:P2")
    three_masters.set("stock:P45", 1)
    three_masters.delete("stock:P45")

    seen = counters.look(ids)

    assert [i for i, (_, untouched) in zip(ids, seen, strict=True) if not untouched] == ["P1", "P2", "P45"]
    assert all(untouched for _, untouched in counters.look(ids))
    counters.forget()


@pytest.mark.fault(34)
@pytest.mark.parametrize("there", [True, False])
def test_a_counter_whose_slot_was_away_counts_as_written(three_masters, counters, moves, there):
    if there:
        three_masters.set("stock:a", 5)
    counters.look(["a"])
    assert counters.look(["a"]) == [(b"5" if there else None, True)]

    moves.away()
    three_masters.set("stock:a", 4)  # sold there
    three_masters.set("stock:a", 5) if there else three_masters.delete("stock:a")
    moves.back()

    assert counters.look(["a"]) == [(b"5" if there else None, False)]
    counters.forget()


@pytest.mark.fault(34)
def test_counters_of_a_moving_slot_are_read_wherever_they_are(three_masters, counters, moves):
    three_masters.set("stock:a", 5)
    moves.begin()
    assert (counters.read(["a"]), along(counters, ["a", "b"])) == ([b"5"], [b"5", None])

    moves.carry("stock:a")
    assert (counters.read(["a"]), along(counters, ["a", "b"])) == ([b"5"], [b"5", None])
    assert counters.look(["a"]) == counters.look(["a"]) == [(b"5", False)]

    moves.end()
    assert (counters.read(["a"]), along(counters, ["a", "b"])) == ([b"5"], [b"5", None])
    counters.forget()


@pytest.mark.fault(34)
def test_nothing_is_written_to_a_slot_that_moves_and_all_of_it_when_it_has_arrived(three_masters, outbox, moves):
    three_masters.mset({"stock:a": 97, "stock:b": 97})
    moves.begin()
    assert outbox.commit(0, [proposal("a"), proposal("b")]) == [False, True]
    moves.carry("stock:a")
    assert outbox.commit(1, [proposal("a")]) == [False]
    assert three_masters.get("stock:a") == b"97"

    moves.end()

    assert [outbox.commit(2, [proposal("a")]) for _ in range(2)][-1] == [True]
    assert three_masters.get("stock:a") == b"100"
    outbox.clear(["a", "b"], Progress(0))
    assert outbox.pending() == []


@pytest.mark.fault(34)
def test_a_record_travels_with_its_counter_and_a_retry_finds_it_there(three_masters, outbox, moves):
    three_masters.set("stock:a", 97)
    assert outbox.commit(0, [proposal("a")]) == [True]
    moves.away()

    heir = outbox_of(three_masters)
    heir.take_over()

    assert [entry.finding.product_id for entry in heir.pending()] == ["a"]
    heir.clear(["a"], Progress(0))
    assert three_masters.keys("sync:stock:*outbox*") == []


def test_what_was_committed_in_several_steps_is_found_by_a_retry(three_masters, outbox):
    three_masters.mset({"stock:a": 97, "stock:b": 97})
    outbox.commit(0, [proposal("a")])
    outbox.commit(0, [proposal("b")])

    heir = outbox_of(three_masters)
    heir.take_over()

    assert [entry.finding.product_id for entry in heir.pending()] == ["a", "b"]


@pytest.mark.fault(34)
def test_a_record_that_cannot_be_cleared_while_its_slot_moves_is_cleared_later(three_masters, outbox, moves):
    three_masters.set("stock:a", 97)
    assert outbox.commit(0, [proposal("a")]) == [True]
    moves.begin()

    outbox.clear(["a"], Progress(0, group=1))
    assert three_masters.hlen("sync:stock:{own}:outboxes") == 1
    moves.end()
    outbox.clear([], Progress(0, group=1))

    assert three_masters.keys("sync:stock:*outbox*") == []


@pytest.mark.fault(34)
def test_a_slot_that_moves_while_a_range_is_taken_over_is_not_passed_over(three_masters, outbox, moves):
    three_masters.set("stock:a", 97)
    outbox.commit(0, [proposal("a")])
    moves.begin()

    with pytest.raises(CacheUnavailable, match="a slot of the cluster is moving"):
        outbox_of(three_masters).take_over()


def test_what_is_remembered_of_deliveries_is_written_in_one_step(three_masters):
    memory, incidents = RedisDeliveryLog(three_masters, "slack"), RedisOpenIncidents(three_masters)
    token, delivered = bytes(16), Delivered(messages=1)
    incident = OpenIncident("key", 5.0, "P1")

    memory.remember("run:1", token, delivered)
    incidents.add(incident)

    assert (memory.tokens("run:1"), memory.delivered("run:1")) == (token, delivered)
    assert incidents.all() == [incident]
    incidents.remove(incident)
    assert incidents.all() == []


@pytest.mark.parametrize("prefix", ["stock:", "{shop}:", ""])
def test_every_master_is_tried_and_nothing_is_left_behind(three_masters, prefix):
    check_redis(three_masters, prefix, writes=True)

    assert three_masters.dbsize() == 0


def test_a_command_that_one_master_refuses_is_told_before_the_run(redis_cluster, three_masters):
    lacking = "+ping +info +cluster +command +get +mget +set +del +exists +type +ttl +expire +time +append +hget +hset"
    for number, node in enumerate(redis_cluster.masters):
        rules = "+@all" if number < 2 else lacking + " +client"
        node.client().execute_command(f"ACL SETUSER limited reset on >x ~* &* -@all {rules}")
    address = client_of(redis_cluster).where
    limited = type(address)(address.nodes, {"username": "limited", "password": "x"})

    with pytest.raises(BadSetting, match="EVALSHA, HEXISTS, HDEL may not be used by this account"):
        check_redis(type(three_masters)(limited), "stock:", writes=True)

    for node in redis_cluster.masters:
        node.client().execute_command("ACL DELUSER limited")


def test_a_record_in_a_cluster_is_json_a_person_can_read(three_masters, outbox):
    three_masters.set("stock:a", 97)
    outbox.commit(4, [proposal("a")])

    [key] = three_masters.keys("sync:stock:*outbox:*")
    assert slot_of(key) == slot_of(b"stock:a")
    assert json.loads(three_masters.hget(key, "a"))["group"] == 4


def test_a_script_that_a_node_does_not_know_is_sent_to_it(three_masters, outbox):
    three_masters.mset({f"stock:P{n}": 97 for n in range(30)})
    for node in three_masters.map.nodes:
        node.script_flush()

    assert outbox.commit(0, [proposal(f"P{n}") for n in range(30)]) == [True] * 30
