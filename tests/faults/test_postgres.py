"""PostgreSQL that is down, restarted, slow, cut off in the middle of an answer, or that changes under our eyes."""

import threading
from contextlib import closing, contextmanager

import psycopg2
import pytest

from stocksync.errors import LedgerUnavailable
from stocksync.reconcile.sizes import Sizes
from tests.kit.promises import assert_promises
from tests.kit.proxy import CUT_BEFORE, LOSE_REPLY, Fault, Proxy
from tests.kit.retried_run import ROWS, QuietShop, RetriedRun, once, through

STEPS = ["settled", "looked again", "committed", "published", "saved"]
MANY = [(f"P{n:06d}", 100, 97 if n % 1000 == 0 else 100) for n in range(50_000)]


@pytest.fixture
def shop(database, cache):
    return QuietShop(database, cache, "", "", batch_size=100_000)


@pytest.fixture
def proxy(postgres, database):
    with Proxy(postgres.host, postgres.port) as proxy:
        yield proxy


@pytest.mark.fault(12)
def test_postgres_down_is_an_error_that_names_the_connection_and_nothing_is_written(shop, postgres):
    night = RetriedRun(shop)
    postgres.stop()

    assert night.attempt() is None
    assert isinstance(night.errors[0], LedgerUnavailable)
    assert "product_db" in str(night.errors[0])

    postgres.start()
    assert_promises(shop, ROWS, night.finish())


@pytest.mark.fault(12)
@pytest.mark.parametrize("step", STEPS)
def test_postgres_restarted_at_any_step_costs_an_attempt_at_most(shop, postgres, step):
    night = RetriedRun(shop)

    outcome = night.attempt(reached=once(step, postgres.restart))

    assert all(isinstance(error, LedgerUnavailable) for error in night.errors)
    assert_promises(shop, ROWS, night.finish(outcome))


@pytest.mark.fault(12)
def test_postgres_restarted_in_the_middle_of_the_scan_skips_nobody_and_counts_nobody_twice(shop, postgres):
    night = RetriedRun(shop, rows=MANY)
    scan = shop.ledger().scan(night.range, None)
    next(scan)
    postgres.restart()
    with pytest.raises(LedgerUnavailable):
        list(scan)

    assert_promises(shop, MANY, night.finish())


@pytest.mark.fault(12)
@pytest.mark.parametrize("after", [0, 1, 5_000, 200_000, 600_000])
def test_a_scan_cut_off_in_the_middle_goes_on_by_key(shop, proxy, after):
    night = RetriedRun(shop, rows=MANY, sizes=Sizes(group=5), dsn=through(shop.dsn, proxy.port))

    proxy.fail(Fault(LOSE_REPLY, matches=lambda request: b"COPY" in request, after=after))

    assert night.attempt() is None
    assert isinstance(night.errors[0], LedgerUnavailable)
    proxy.heal()

    assert_promises(shop, MANY, night.finish())


@pytest.mark.fault(12)
@pytest.mark.parametrize("how", [CUT_BEFORE, LOSE_REPLY])
def test_whatever_question_to_postgres_stays_unanswered_the_next_attempt_asks_it_again(shop, proxy, how):
    nth, happened = 0, True
    while happened:  # each thing an attempt sends in turn, the handshakes too
        nth += 1
        night = RetriedRun(shop, dsn=through(shop.dsn, proxy.port))
        proxy.fail(Fault(how, nth=nth))
        outcome = night.attempt()
        happened = proxy.happened
        proxy.heal()
        assert all(isinstance(error, LedgerUnavailable) for error in night.errors)
        assert_promises(shop, ROWS, night.finish(outcome))
    assert nth > 8


@contextmanager
def table_locked(dsn):
    with closing(psycopg2.connect(dsn)) as session, session.cursor() as cursor:
        cursor.execute("LOCK TABLE products IN ACCESS EXCLUSIVE MODE")
        yield


@pytest.mark.fault(12)
@pytest.mark.parametrize("step", ["start", "settled"])
def test_a_statement_that_takes_too_long_fails_the_attempt_and_the_next_one_does_the_work(shop, step):
    night = RetriedRun(shop, dsn=f"{shop.dsn}?options=-c%20statement_timeout%3D200")
    lock = table_locked(shop.dsn)

    if step == "start":
        lock.__enter__()
    failed = night.attempt(reached=once(step, lock.__enter__))
    lock.__exit__(None, None, None)

    assert failed is None
    assert isinstance(night.errors[0], LedgerUnavailable)
    assert "timeout" in str(night.errors[0])
    assert_promises(shop, ROWS, night.finish())


FAILING = """
ALTER TABLE products RENAME TO shelves;
CREATE TABLE trouble AS SELECT %s AS state, %s AS begun;
CREATE FUNCTION fails(id text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF id = 'P020' AND (SELECT begun FROM trouble) THEN
        RAISE EXCEPTION USING ERRCODE = (SELECT state FROM trouble), MESSAGE = 'not now';
    END IF;
    RETURN false;
END $$;
CREATE VIEW products AS SELECT id, stock FROM shelves WHERE NOT fails(id)
"""
STATES = {"serialization": "40001", "deadlock": "40P01", "cancelled": "57014", "shutdown": "57P01", "memory": "53200"}


@pytest.mark.fault(12)
@pytest.mark.parametrize("step", ["start", "settled"])
@pytest.mark.parametrize("state", STATES)
def test_serialization_failures_deadlocks_and_cancellations_are_tried_again(shop, state, step):
    night = RetriedRun(shop)
    shop.sql(FAILING, STATES[state], step == "start")

    failed = night.attempt(reached=once(step, lambda: shop.sql("UPDATE trouble SET begun = true")))
    shop.sql("UPDATE trouble SET begun = false")

    assert failed is None
    assert isinstance(night.errors[0], LedgerUnavailable)
    assert_promises(shop, ROWS, night.finish())


@pytest.mark.fault(13)
def test_products_born_gone_and_changed_while_ranges_are_cut_and_scanned_are_counted_once(shop):
    shop.batch_size = 10
    shop.build().stock((f"P{n:03d}", 50, 50) for n in range(40))
    ranges = shop.ranges()
    assert len(ranges) == 4
    shop.stock((i, 9, 8) for i in ("A", "P0095", "P010a", "P0199", "Z"))  # before, between and after all bounds
    gone = [ranges[1].lower, ranges[2].lower, "P039"]
    shop.sql("DELETE FROM products WHERE id = ANY(%s)", gone)

    summary = shop.run(ranges=ranges)

    assert (summary["total"], summary["matched"], summary["restored"]) == (42, 37, 5)
    assert set(shop.events()) == {"A", "P0095", "P010a", "P0199", "Z"}


@pytest.mark.fault(13)
def test_rows_that_come_and_go_all_through_a_scan_leave_every_other_product_counted_once(shop):
    shop.sizes = Sizes(batch=50)

    rows = [(f"P{n:05d}", 100, 97 if n % 500 == 0 else 100) for n in range(20_000)]
    shop.build().stock(rows)
    over = threading.Event()

    def come_and_go():
        with closing(psycopg2.connect(shop.dsn)) as session, session.cursor() as cursor:
            session.autocommit = True
            while not over.is_set():
                cursor.execute("INSERT INTO products SELECT id || 'x', 0 FROM products WHERE random() < 0.01")
                cursor.execute("DELETE FROM products WHERE id LIKE '%x'")

    visitor = threading.Thread(target=come_and_go)
    visitor.start()
    summary = shop.run()
    over.set()
    visitor.join()

    assert summary["restored"] == len(shop.events()) == 40
    assert summary["matched"] - (summary["total"] - 20_000 - summary["manual_review"]) == 20_000 - 40
