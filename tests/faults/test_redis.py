"""Redis that is down, restarted, flushed, full, read-only, slow, or whose answers are lost."""

import pytest

from stocksync.errors import CacheUnavailable, LockLost, Superseded
from tests.kit.promises import assert_promises, logical_events
from tests.kit.proxy import CUT_BEFORE, HANG, LOSE_REPLY, Fault, Proxy
from tests.kit.retried_run import ROWS, QuietShop, RetriedRun, client, once

STEPS = ["settled", "looked again", "committed", "published", "saved"]
LOADING = b"-LOADING Redis is loading the dataset in memory\r\n"


@pytest.fixture
def shop(database, cache):
    return QuietShop(database, cache, "", "")


@pytest.fixture
def proxy(redis_server, cache):
    with Proxy(redis_server.host, redis_server.port) as proxy:
        yield proxy


def is_command(name):
    return lambda request: name in request


@pytest.mark.fault(8)
@pytest.mark.parametrize("how", ["stop", "pause"])
def test_redis_down_at_the_start_is_an_error_before_anything_is_read_or_told(shop, redis_server, how):
    night = RetriedRun(shop, cache=client(redis_server.uri, patience=0.2))
    redis_server.stop() if how == "stop" else redis_server.process.pause()

    assert night.attempt() is None
    assert isinstance(night.errors[0], CacheUnavailable)
    assert "stock_redis" in str(night.errors[0])

    redis_server.start() if how == "stop" else redis_server.process.resume()
    assert shop.cache.keys("sync:*") == []


@pytest.mark.fault(9)
@pytest.mark.parametrize("step", STEPS)
def test_redis_restarted_with_its_data_is_waited_for_and_knows_its_scripts_again(shop, redis_server, step):
    night = RetriedRun(shop, cache=client(redis_server.uri, retries=5))

    outcome = night.attempt(reached=once(step, lambda: redis_server.restart(keep_data=True)))

    assert_promises(shop, ROWS, night.finish(outcome))
    assert night.errors == []


@pytest.mark.fault(9)
def test_a_redis_that_is_still_loading_is_asked_again(shop, proxy, redis_server):
    night = RetriedRun(shop, cache=client(redis_server.uri, proxy.port, retries=5))
    proxy.fail(Fault(LOADING, matches=is_command(b"EVALSHA")))

    assert_promises(shop, ROWS, night.finish())
    assert proxy.happened == 1


@pytest.mark.fault(9)
@pytest.mark.parametrize("step", STEPS)
def test_redis_restarted_empty_took_the_lock_with_it_and_nothing_more_is_written(shop, redis_server, step):
    night = RetriedRun(shop, cache=client(redis_server.uri, retries=5))

    assert night.attempt(reached=once(step, redis_server.restart)) is None

    assert isinstance(night.errors[0], LockLost | Superseded)
    assert shop.cache.keys("stock:*") == []


@pytest.mark.fault(10)
@pytest.mark.parametrize("step", STEPS)
def test_after_flushall_every_product_is_missing_and_told_and_the_summary_adds_up(shop, step):
    night = RetriedRun(shop)

    assert night.attempt(reached=once(step, shop.cache.flushall)) is None
    assert isinstance(night.errors[0], LockLost | Superseded)
    summary = night.finish()

    parts = ("matched", "restored", "manual_review", "changed", "invalid", "unprocessed")
    assert summary["total"] == len(ROWS) == sum(summary[part] for part in parts)
    again = shop.run()
    assert again["missing_keys"] == again["manual_review"] == len(ROWS)
    assert len(logical_events(shop, again["run_id"])) == len(ROWS)


@pytest.mark.fault(11)
@pytest.mark.parametrize("step", ["start", "settled", "looked again", "committed", "published"])
@pytest.mark.parametrize("trouble", ["full", "read-only"])
def test_a_redis_that_takes_no_writes_makes_no_false_restore(shop, redis_server, step, trouble):
    night = RetriedRun(shop)
    admin = redis_server.client()

    def begin():
        if trouble == "full":
            admin.config_set("maxmemory", 1)
        else:
            admin.replicaof("127.0.0.1", 1)

    if step == "start":
        begin()
    written = step in {"committed", "published"}
    failed = night.attempt(reached=once(step, begin))
    wrong = [i for i, _, cached in ROWS if cached == 99 and (shop.counter(i) != "99") != written]
    admin.config_set("maxmemory", 0)
    admin.replicaof("NO", "ONE")

    assert failed is None
    assert isinstance(night.errors[0], CacheUnavailable)
    assert wrong == []
    assert_promises(shop, ROWS, night.finish())


@pytest.mark.fault(3, 11)
@pytest.mark.parametrize("retries", [0, 5])
@pytest.mark.parametrize("how", [CUT_BEFORE, LOSE_REPLY])
def test_the_outcome_of_any_command_whose_reply_is_lost_is_read_again_never_assumed(
    shop, proxy, redis_server, how, retries
):
    nth, happened = 0, True
    while happened:  # each thing an attempt sends in turn, the handshakes too
        nth += 1
        with client(redis_server.uri, proxy.port, retries=retries) as patient:
            night = RetriedRun(shop, cache=patient)
            proxy.fail(Fault(how, nth=nth))
            outcome = night.attempt()
            happened = proxy.happened
            proxy.heal()
            assert all(isinstance(error, CacheUnavailable) for error in night.errors)
            assert_promises(shop, ROWS, night.finish(outcome))
    assert nth > 12


@pytest.mark.fault(11)
def test_a_commit_that_is_never_answered_is_found_done_by_the_retry(shop, proxy, redis_server):
    night = RetriedRun(shop, cache=client(redis_server.uri, proxy.port, patience=0.2))
    proxy.fail(Fault(HANG, matches=is_command(b"EVALSHA")))

    assert night.attempt() is None
    assert isinstance(night.errors[0], CacheUnavailable)
    proxy.cut()

    assert_promises(shop, ROWS, night.finish())
