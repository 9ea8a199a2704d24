"""The run lock and the counters' reader on a real Redis, and what an operator reads when Redis is not there."""

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from local.servers.ports import free_port
from stocksync.adapters.redis_cache import OUTSTANDING, RedisStockCache
from stocksync.adapters.redis_lock import RedisRunLock
from stocksync.errors import BadSetting, CacheUnavailable, LockHeld
from stocksync.model.progress import Progress
from stocksync.model.stock import Unreadable
from stocksync.reconcile.ports import LedgerBatch
from tests.kit.outbox import DATE, outbox_of, proposal

KEY = f"sync:stock:{DATE}"


def lock_of(cache, run_id="manual__one", date=DATE):
    return RedisRunLock(cache, date, run_id)


def test_a_lock_names_its_run_and_expires_within_the_hour(cache):
    lock_of(cache).hold()

    assert cache.get(KEY) == b"manual__one"
    assert 3590 < cache.ttl(KEY) <= 3600
    assert lock_of(cache).is_held()


@pytest.mark.fault(15)
def test_a_second_run_of_the_day_is_told_who_holds_the_lock(cache):
    lock_of(cache).hold()

    with pytest.raises(LockHeld, match=rf"run manual__one holds {KEY} \(for 3[56]\d\d s more at most\)"):
        lock_of(cache, "scheduled__two").hold()
    lock_of(cache, "scheduled__two", "2026-03-03").hold()


def test_a_refusal_names_the_holder_as_it_is(cache):
    cache.set(KEY, "manual__\x1b[31m")
    with pytest.raises(LockHeld) as held:
        lock_of(cache).hold()
    assert held.value.holder == "manual__\x1b[31m"


@pytest.mark.fault(1)
def test_a_retry_of_the_same_run_has_its_lock_already_and_does_not_prolong_it(cache):
    lock_of(cache).hold()
    cache.expire(KEY, 100)

    lock_of(cache).hold()

    assert cache.ttl(KEY) <= 100


def test_a_released_lock_is_free_for_the_next_run(cache):
    lock_of(cache).hold()

    assert lock_of(cache).release() is True
    assert not lock_of(cache).is_held()
    lock_of(cache, "scheduled__two").hold()


@pytest.mark.fault(16)
def test_a_strangers_lock_and_a_lock_that_is_gone_are_left_alone(cache):
    assert lock_of(cache).release() is False
    lock_of(cache, "scheduled__two").hold()

    assert lock_of(cache).release() is False
    assert cache.get(KEY) == b"scheduled__two"


def test_a_lock_set_by_hand_cannot_forge_a_line_of_the_log(cache):
    cache.set(KEY, "me\nERROR \x1b[31m")

    with pytest.raises(LockHeld) as held:
        lock_of(cache).hold()
    assert str(held.value).isprintable()


def batches(*pieces):
    return [LedgerBatch([i.encode() for i in piece], [b"1"] * len(piece)) for piece in pieces]


def test_counters_are_paired_with_their_batches_in_order(cache):
    cache.mset({f"stock:{n}": n for n in range(100)})
    pieces = [[str(n) for n in range(start, start + 10)] for start in range(0, 100, 10)]

    found = list(RedisStockCache(cache, "stock:").read_along(iter(batches(*pieces))))

    assert [values for _, values in found] == [[i.encode() for i in piece] for piece in pieces]


@pytest.mark.fault(28, 29)
def test_missing_corrupt_and_wrong_type_are_told_apart_both_times(cache):
    cache.mset({"stock:number": 5, "stock:empty": "", "stock:corrupt": b"\xff 1e3", "stock:large": "9" * 2**20})
    cache.rpush("stock:list", "5")
    cache.hset("stock:hash", "5", "5")
    ids = ["number", "empty", "corrupt", "large", "list", "hash", "missing"]
    reader = RedisStockCache(cache, "stock:")

    [(_, first)] = reader.read_along(batches(ids))

    wrong = Unreadable.WRONG_TYPE
    assert first == reader.read(ids) == [b"5", b"", b"\xff 1e3", b"9" * 2**20, wrong, wrong, None]


def test_reading_nothing_answers_nothing(cache):
    reader = RedisStockCache(cache, "stock:")

    assert (reader.read([]), list(reader.read_along([]))) == ([], [])


def test_more_products_than_one_call_takes_are_read_again_in_order(cache):
    cache.mset({f"stock:{n}": n for n in range(2500)})

    assert RedisStockCache(cache, "stock:").read([str(n) for n in range(2500)]) == [b"%d" % n for n in range(2500)]


@pytest.mark.parametrize("failing", ["the reader goes away", "the ledger fails"])
def test_replies_nobody_waited_for_never_reach_the_next_caller(cache, redis_server, failing):
    with redis.Redis.from_url(redis_server.uri, max_connections=2) as client:
        client.mset({f"stock:{n}": f"old {n}" for n in range(100)})

        def ledger():
            yield from batches(*[[str(n)] for n in range(OUTSTANDING + 3)])
            raise ConnectionAbortedError

        along = RedisStockCache(client, "stock:").read_along(ledger())
        next(along)
        if failing == "the ledger fails":
            with pytest.raises(ConnectionAbortedError):
                list(along)
        else:
            along.close()

        client.set("fresh", "answer")
        assert [client.get("fresh") for _ in range(5)] == [b"answer"] * 5
        assert client.connection_pool._in_use_connections == set()


def asks(client):
    """Everything the program asks Redis for."""
    outbox = outbox_of(client)
    reader = RedisStockCache(client, "stock:")
    return [
        lock_of(client).hold,
        lock_of(client).release,
        lock_of(client).is_held,
        outbox.take_over,
        lambda: outbox.clear([], Progress(0)),
        lambda: outbox.commit(0, [proposal("a")]),
        lambda: reader.read(["a"]),
        lambda: list(reader.read_along(batches(["a"]))),
    ]


def impatient(uri):
    return redis.Redis.from_url(uri, socket_timeout=0.1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0))


@pytest.mark.fault(8)
def test_an_unreachable_redis_names_the_connection_whatever_was_asked(cache):
    for ask in asks(impatient(f"redis://127.0.0.1:{free_port()}")):
        with pytest.raises(CacheUnavailable, match=r"connection stock_redis\) while .*refused"):
            ask()


def test_a_silent_redis_is_given_up(cache, redis_server):
    client = impatient(redis_server.uri)
    redis_server.process.pause()

    for ask in asks(client):
        with pytest.raises(CacheUnavailable, match=r"connection stock_redis\) while "):
            ask()


def test_a_wrong_password_says_what_is_allowed_and_shows_no_password(cache, redis_server):
    for ask in asks(impatient(redis_server.uri.replace(redis_server.password, "hunter2"))):
        with pytest.raises(BadSetting, match=r"stock_redis\) while .*allowed: login and password") as refused:
            ask()
        assert "hunter2" not in str(refused.value)


def test_an_account_that_may_not_write_is_told_what_is_needed(cache, redis_server):
    cache.acl_setuser("reader", enabled=True, passwords=["+p"], keys=["*"], commands=["+@read", "+ping"])
    client = redis.Redis(host=redis_server.host, port=redis_server.port, username="reader", password="p")
    try:
        with pytest.raises(BadSetting, match="allowed: an account that may read the counters, set them"):
            lock_of(client).hold()
        assert RedisStockCache(client, "stock:").read(["a"]) == [None]
    finally:
        client.close()
        cache.acl_deluser("reader")


@pytest.mark.fault(11)
def test_a_redis_out_of_memory_takes_no_restore_and_records_none(cache):
    lock_of(cache).hold()
    outbox = outbox_of(cache)
    outbox.take_over()
    cache.set("stock:a", 97)
    cache.config_set("maxmemory", 1)
    try:
        with pytest.raises(CacheUnavailable, match="while restoring counters"):
            outbox.commit(0, [proposal("a")])
    finally:
        cache.config_set("maxmemory", 0)

    assert (cache.get("stock:a"), outbox.pending()) == (b"97", [])


@pytest.mark.fault(11)
def test_a_replica_that_was_the_master_takes_no_restore(cache, redis_server):
    lock_of(cache).hold()
    outbox = outbox_of(cache)
    outbox.take_over()
    cache.set("stock:a", 97)
    cache.replicaof("127.0.0.1", free_port())
    try:
        with pytest.raises(CacheUnavailable, match="while restoring counters"):
            outbox.commit(0, [proposal("a")])
    finally:
        cache.replicaof("NO", "ONE")

    assert (cache.get("stock:a"), outbox.pending()) == (b"97", [])


@pytest.mark.fault(9)
def test_scripts_forgotten_by_a_restart_are_sent_again(cache):
    lock_of(cache).hold()
    outbox = outbox_of(cache)
    outbox.take_over()
    cache.set("stock:a", 97)
    cache.script_flush()

    assert outbox.commit(0, [proposal("a")]) == [True]
    cache.script_flush()
    assert lock_of(cache).release() is True
