"""Nights at a Redis whose tracking table is small, or full of what others left in it."""

from datetime import timedelta

import pytest
import redis

from stocksync.adapters.tracking_table import check_tracking_table
from stocksync.model.policy import MissingKeyPolicy, Rules
from tests.kit.retried_run import QuietShop

CAP = 2000
NOBODY = {"tracking_clients": 0, "tracking_total_prefixes": 0}


@pytest.fixture
def shop(database, cache):
    """A shop beside a table of CAP keys."""
    before = cache.config_get("tracking-table-max-keys")
    cache.config_set("tracking-table-max-keys", CAP)
    rules = Rules(missing_key_policy=MissingKeyPolicy.RESTORE)
    yield QuietShop(database, cache, "", "", rules=rules, settle=timedelta(milliseconds=50)).build()
    cache.config_set("tracking-table-max-keys", before["tracking-table-max-keys"])


def leave_entries(cache, keys):
    """Read as a client that tracks keys one by one, and is gone: Redis remembers what it read."""
    settings = {**cache.connection_pool.connection_kwargs, "protocol": 3}
    with redis.Redis(connection_pool=redis.ConnectionPool(**settings), single_connection_client=True) as other:
        other.execute_command("CLIENT", "TRACKING", "ON")
        other.mget(keys)


def table(cache):
    information = {**cache.info("stats"), **cache.info("clients")}
    return {name: number for name, number in information.items() if name.startswith("tracking_")}


def night(shop, *, missing, steps=lambda _step: None):
    """Reconcile 3 * CAP products, of which every tenth differs, or none has a key; return the summary."""
    shop.stock([(f"P{n:05d}", 50, None if missing else 50 - (n % 10 == 0)) for n in range(3 * CAP)])
    return shop.run(reached=steps)


@pytest.mark.parametrize("stale", [0, CAP, 3 * CAP])
@pytest.mark.parametrize("missing", [True, False], ids=["nothing there", "an ordinary night"])
def test_a_quiet_night_restores_everything_whatever_is_in_the_table(shop, cache, stale, missing):
    if stale:
        leave_entries(cache, [f"stock:P{n:05d}" for n in range(stale)])
        assert table(cache)["tracking_total_keys"] >= CAP

    summary = night(shop, missing=missing)

    differ = 3 * CAP if missing else 3 * CAP // 10
    assert (summary["restored"], summary["changed"], summary["status"]) == (differ, 0, "complete")
    assert table(cache).items() >= NOBODY.items()


def test_a_flushed_cache_goes_to_a_person_and_the_run_that_then_restores_it_restores_all_of_it(shop, cache):
    restoring, shop.rules = shop.rules, Rules()

    asked = night(shop, missing=True)
    assert (asked["manual_review"], asked["changed"], asked["status"]) == (3 * CAP, 0, "failed"), "who is to know?"
    assert set(table(cache).values()) == {0}

    shop.rules = restoring
    restored = shop.run()
    assert (restored["restored"], restored["changed"], restored["status"]) == (3 * CAP, 0, "complete")
    assert set(table(cache).values()) == {0}


ORDER_AND_RETURN = (lambda redis: redis.decr("stock:P00010"), lambda redis: redis.incr("stock:P00010"))
SET_AND_DELETED = (lambda redis: redis.set("stock:P00010", 49), lambda redis: redis.delete("stock:P00010"))


@pytest.mark.parametrize("stale", [0, 3 * CAP])
@pytest.mark.parametrize(
    ("missing", "writes", "left"),
    [(False, ORDER_AND_RETURN, "49"), (True, SET_AND_DELETED, None)],
    ids=["order and return", "set and deleted"],
)
def test_writes_that_leave_the_same_bytes_are_noticed_whatever_is_in_the_table(
    shop, cache, stale, missing, writes, left
):
    if stale:
        leave_entries(cache, [f"stock:P{n:05d}" for n in range(stale)])

    def before_each_look(step):
        if step in {"settled", "looked again"}:
            for write in writes:
                write(cache)

    summary = night(shop, missing=missing, steps=before_each_look)

    differ = 3 * CAP if missing else 3 * CAP // 10
    assert (summary["restored"], summary["changed"]) == (differ - 1, 1)
    assert shop.counter("P00010") == left


# --- the check of the first task ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("limit", "warned"), [(CAP, True), (CAP * 10 // 9, True), (CAP * 10 // 8, False), (0, False)])
def test_a_table_that_is_nearly_full_is_warned_of_in_numbers(shop, cache, caplog, limit, warned):
    leave_entries(cache, [f"else:{n}" for n in range(CAP)])
    cache.config_set("tracking-table-max-keys", limit)

    check_tracking_table(cache)

    said = f"Redis' tracking table is full: 2,000 keys, and {limit:,} fit"
    assert [said in record.message for record in caplog.records if record.levelname == "WARNING"] == [True] * warned


@pytest.mark.parametrize("refused", ["info", "config"])
def test_an_account_that_may_not_look_at_the_table_is_told_so_and_works(shop, cache, caplog, refused):
    caplog.set_level("INFO")
    cache.acl_setuser("checker", enabled=True, passwords=["+secret"], commands=["+@all", f"-{refused}"], keys=["*"])
    settings = {**cache.connection_pool.connection_kwargs, "username": "checker", "password": "secret"}
    with redis.Redis(connection_pool=redis.ConnectionPool(**settings)) as account:
        check_tracking_table(account)
    cache.acl_deluser("checker")

    [record] = [record for record in caplog.records if record.name == "stocksync.adapters.tracking_table"]
    assert record.levelname == "INFO"
    assert f"{refused.upper()}" in record.message
    assert "is refused" in record.message


def test_the_remedy_the_warning_names_empties_the_table(shop, cache):
    leave_entries(cache, [f"else:{n}" for n in range(3 * CAP)])

    def administrator(step):
        if step == "settled":
            cache.config_set("tracking-table-max-keys", 1)

    night(shop, missing=False, steps=administrator)

    assert table(cache)["tracking_total_keys"] <= 1
