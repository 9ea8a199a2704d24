"""Noticing every write to a counter between two looks, on a real Redis."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from local.servers.redis import Redis
from local.supervisor.run_folder import RunFolder
from stocksync.adapters.redis_cache import RedisStockCache
from stocksync.model.stock import Unreadable
from stocksync.reconcile.ports import LedgerBatch
from tests.kit.proxy import LOSE_REPLY, Fault, Proxy
from tests.kit.retried_run import client


@pytest.fixture
def opened(cache):
    """Make caches that stop watching when the test is over."""
    made = []

    def make(redis, prefix="stock:"):
        made.append(RedisStockCache(redis, prefix))
        return made[-1]

    yield make
    for looks in made:
        looks.forget()


@pytest.fixture
def looks(cache, opened):
    cache.mset({"stock:a": 5, "stock:b": 6})
    return opened(cache)


def test_a_counter_nobody_wrote_is_untouched_at_every_look_after_the_first(looks):
    assert looks.look(["a", "b"]) == [(b"5", False), (b"6", False)]
    for _ in range(3):
        assert looks.look(["a", "b"]) == [(b"5", True), (b"6", True)]


def test_a_counter_that_was_forgotten_is_looked_at_for_the_first_time_again(looks):
    looks.look(["a", "b"])
    looks.forget(["a"])

    assert looks.look(["a", "b"]) == [(b"5", False), (b"6", True)]


def test_redis_remembers_nothing_of_what_was_watched(opened):
    # A server of its own: the counts are of all clients, and a test that failed may have left one.
    with RunFolder("watch") as run, Redis(run) as server, server.client() as cache:
        looks = opened(cache)
        looks.look(["a", "b", "none"])
        assert tracked(cache) == {"tracking_clients": 1, "tracking_total_keys": 0, "tracking_total_prefixes": 1}

        looks.forget(["a"])
        assert tracked(cache)["tracking_clients"] == 1
        looks.forget(["b", "none"])

        until(lambda: tracked(cache) == dict.fromkeys(TRACKED, 0))


WRITES = {
    "a sale and a return": lambda redis: (redis.decr("stock:a"), redis.incr("stock:a")),
    "the same value set": lambda redis: redis.set("stock:a", "5"),
    "in a script": lambda redis: redis.eval("redis.call('SET', KEYS[1], '5')", 1, "stock:a"),
    "in a transaction": lambda redis: redis.pipeline().decr("stock:a").incr("stock:a").execute(),
    "deleted and back": lambda redis: (redis.delete("stock:a"), redis.set("stock:a", "5")),
    "renamed away and back": lambda redis: (redis.rename("stock:a", "x"), redis.rename("x", "stock:a")),
    "flushed and back": lambda redis: (redis.flushall(), redis.mset({"stock:a": 5, "stock:b": 6})),
    "expired and back": lambda redis: (redis.pexpire("stock:a", 0), redis.set("stock:a", "5")),
}


@pytest.mark.parametrize("write", WRITES)
def test_a_write_that_leaves_the_same_bytes_is_noticed(looks, cache, write):
    looks.look(["a"])

    WRITES[write](cache)

    assert looks.look(["a"]) == [(b"5", False)]
    assert looks.look(["a"]) == [(b"5", True)]


def test_only_the_product_that_was_written_counts_as_touched(looks, cache):
    looks.look(["a", "b"])
    cache.decr("stock:a")

    assert looks.look(["a", "b"]) == [(b"4", False), (b"6", True)]


def test_a_key_that_is_missing_or_of_another_type_is_watched_too(looks, cache):
    cache.rpush("stock:list", "x")
    assert looks.look(["none", "list"]) == [(None, False), (Unreadable.WRONG_TYPE, False)]
    cache.set("stock:none", "1")
    cache.delete("stock:none")

    assert looks.look(["none", "list"]) == [(None, False), (Unreadable.WRONG_TYPE, True)]


@pytest.mark.fault(9)
@pytest.mark.parametrize("fault", ["lost reply", "restart", "killed"])
def test_after_a_broken_connection_everything_counts_as_touched(cache, redis_server, opened, fault):
    with Proxy(redis_server.host, redis_server.port) as proxy:
        cache.set("stock:a", 5)
        looks = opened(client(redis_server.uri, proxy.port, retries=5))
        looks.look(["a"])

        if fault == "lost reply":
            proxy.fail(Fault(LOSE_REPLY))
        elif fault == "restart":
            redis_server.restart(keep_data=True)
        else:
            cache.client_kill_filter(_type="normal")

        assert looks.look(["a"]) == [(b"5", False)]
        assert looks.look(["a"]) == [(b"5", True)]


def test_a_write_that_redis_worked_on_together_with_the_look_is_noticed(cache, redis_server, opened):
    """Both are read in one turn of its event loop: it tells of the write behind the answer to the look."""
    cache.set("stock:a", 5)
    with Proxy(redis_server.host, redis_server.port) as proxy, ThreadPoolExecutor() as pool:
        looks = opened(client(redis_server.uri, proxy.port, patience=30.0))
        looks.look(["a"])
        proxy.heal()  # counts from here
        shop = cache.connection_pool.get_connection()

        redis_server.process.pause()
        shop.send_packed_command(shop.pack_commands([("DECR", "stock:a"), ("INCR", "stock:a")]))
        look = pool.submit(looks.look, ["a"])
        until(lambda: proxy.requests == 1)
        redis_server.process.resume()

        assert look.result() == [(b"5", False)]
        assert [shop.read_response(), shop.read_response()] == [4, 5]
        cache.connection_pool.release(shop)


@pytest.mark.parametrize("prefix", ["stock:", ""])
def test_other_keys_may_be_written_as_much_as_they_like(cache, opened, prefix):
    looks = opened(cache, prefix)
    cache.set(f"{prefix}a", 5)
    looks.look(["a"])
    cache.mset({f"{kind}:{n}": n for n in range(5000) for kind in ("stock", "basket")})

    assert looks.look(["a"]) == [(b"5", True)]


def test_what_the_shop_writes_during_a_long_scan_does_not_pile_up_in_redis(looks, cache):
    looks.look(["a"])
    for start in range(20):
        cache.mset({f"stock:{'x' * 10_000}{start}-{n}": 1 for n in range(100)})
    until(lambda: unread(cache) > 1_000_000)

    batches = [LedgerBatch([b"b"], [b"6"])] * 2
    assert [values for _, values in looks.read_along(batches)] == [[b"6"], [b"6"]]

    until(lambda: list(looks.read_along(batches)) and unread(cache) == 0)
    assert looks.look(["a"]) == [(b"5", True)]


def test_a_connection_that_breaks_during_a_scan_does_not_end_it(looks, cache):
    looks.look(["a"])
    for watcher in watchers(cache):
        cache.client_kill_filter(_id=watcher["id"])

    batches = [LedgerBatch([b"b"], [b"6"])]
    assert [values for _, values in looks.read_along(batches)] == [[b"6"]]
    assert looks.look(["a"]) == [(b"5", False)]


TRACKED = ("tracking_clients", "tracking_total_keys", "tracking_total_prefixes")


def tracked(cache):
    """What Redis keeps for clients that want to be told of writes."""
    information = {**cache.info("stats"), **cache.info("clients")}
    return {name: information[name] for name in TRACKED}


def watchers(cache):
    return [connection for connection in cache.client_list() if "t" in connection["flags"]]


def unread(cache):
    """Bytes that Redis holds for watches that do not listen."""
    return sum(int(watcher["omem"]) for watcher in watchers(cache))


def until(holds):
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)
