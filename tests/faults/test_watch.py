"""Noticing every write to a counter between two looks, on a real Redis."""

import pytest

from stocksync.adapters.redis_cache import RedisStockCache
from stocksync.model.stock import Unreadable
from tests.kit.proxy import LOSE_REPLY, Fault, Proxy
from tests.kit.retried_run import client


@pytest.fixture
def looks(cache):
    cache.mset({"stock:a": 5, "stock:b": 6})
    return RedisStockCache(cache, "stock:")


def test_a_counter_nobody_wrote_is_untouched_at_the_second_look_and_looks_come_in_pairs(looks):
    assert looks.look(["a", "b"]) == [(b"5", False), (b"6", False)]
    assert looks.look(["a", "b"]) == [(b"5", True), (b"6", True)]
    assert looks.look(["a", "b"]) == [(b"5", False), (b"6", False)]


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
def test_after_a_broken_connection_everything_counts_as_touched(cache, redis_server, fault):
    with Proxy(redis_server.host, redis_server.port) as proxy:
        cache.set("stock:a", 5)
        looks = RedisStockCache(client(redis_server.uri, proxy.port, retries=5), "stock:")
        looks.look(["a"])

        if fault == "lost reply":
            proxy.fail(Fault(LOSE_REPLY))
        elif fault == "restart":
            redis_server.restart(keep_data=True)
        else:
            cache.client_kill_filter(_type="normal")

        assert looks.look(["a"]) == [(b"5", False)]
        assert looks.look(["a"]) == [(b"5", True)]


def test_redis_forgetting_what_it_watches_for_us_counts_as_a_write(looks, cache):
    cache.config_set("tracking-table-max-keys", 1)
    cache.mset({f"stock:{n}": n for n in range(50)})
    looks.look([str(n) for n in range(50)])
    cache.set("else", 1)

    seen = [untouched for _, untouched in looks.look([str(n) for n in range(50)])]
    cache.config_set("tracking-table-max-keys", 1_000_000)

    assert seen.count(True) < 50
