"""The ledger on a real PostgreSQL: every product once, in whatever type and shape its table has."""

import time
import uuid
from itertools import count

import pytest
from psycopg2 import sql

from stocksync.adapters.postgres_ranges import chosen, partition
from stocksync.errors import BadSetting, LedgerUnavailable
from stocksync.model.id_range import IdRange
from tests.kit.ledger_tables import EVERYTHING, STRANGE, Table, ids_of


@pytest.fixture
def table(database):
    return Table(database)


NUMBERS = [str(n) for n in (-(2**63), -10, -9, 0, 5, 9, 10, 11, 99, 100, 1000, 2**63 - 1)]
ID_TYPES = {
    "text": STRANGE,
    'text COLLATE "C"': STRANGE,
    "varchar(2000)": STRANGE,
    "bigint": NUMBERS,
    "integer": [str(n) for n in (-10, -9, 5, 9, 10, 100)],
    "smallint": [str(n) for n in (-10, -9, 5, 9, 10, 100)],
    "uuid": [str(uuid.uuid5(uuid.NAMESPACE_OID, str(n))) for n in range(12)],
}


@pytest.mark.parametrize("id_type", ID_TYPES)
def test_ranges_hold_every_product_exactly_once_and_a_batch_each(table, id_type):
    ids = ID_TYPES[id_type]
    ledger = table.fill(ids, id_type)

    for size in (2, 5, 1000):
        ranges = partition(ledger, batch_size=size, max_ranges=1000)

        found = [ids_of(ledger, r) for r in ranges]
        assert [len(one) for one in found[:-1]] == [size] * ((len(ids) - 1) // size)
        assert sorted(i for one in found for i in one) == sorted(ids)
        assert (ranges[0].lower, ranges[-1].upper) == (None, None)
        assert [ledger.count(r, None) for r in ranges] == [len(one) for one in found]


def test_ids_are_ordered_by_the_database_never_as_text_in_python(table):
    ledger = table.fill(NUMBERS, "bigint")

    assert sorted(NUMBERS) != NUMBERS
    assert ids_of(ledger) == NUMBERS
    assert [r.upper for r in partition(ledger, batch_size=4, max_ranges=64)] == ["5", "99", None]
    assert ids_of(ledger, IdRange(0, 1, lower="9", upper="100")) == ["9", "10", "11", "99"]


@pytest.mark.parametrize("id_type", ["text", "bigint", "uuid"])
def test_a_scan_goes_on_behind_any_id(table, id_type):
    ledger = table.fill(ID_TYPES[id_type], id_type)
    everything = ids_of(ledger)

    for position, product_id in enumerate(everything):
        assert ids_of(ledger, after=product_id) == everything[position + 1 :]
        assert ledger.count(EVERYTHING, product_id) == len(everything) - position - 1


@pytest.mark.parametrize(("max_ranges", "pieces"), [(64, 10), (10, 10), (9, 5), (3, 3), (1, 1)])
def test_beyond_the_most_tasks_each_range_takes_several_batches(table, max_ranges, pieces):
    ledger = table.fill(f"P{n:03d}" for n in range(100))

    ranges = partition(ledger, batch_size=10, max_ranges=max_ranges)

    assert len(ranges) == pieces
    assert sum(ledger.count(r, None) for r in ranges) == 100


@pytest.mark.fault(32)
def test_an_empty_ledger_is_one_open_range(table):
    assert partition(table.fill([]), batch_size=1000, max_ranges=64) == [IdRange(0, 1)]


@pytest.mark.fault(13)
def test_products_born_sold_out_and_deleted_while_scanning_are_seen_once_at_most_and_the_others_exactly_once(table):
    ledger = table.fill(f"P{n:05d}" for n in range(0, 10_000, 2))
    ranges = partition(ledger, batch_size=1000, max_ranges=64)
    seen, numbers = [], count()

    for tenth, id_range in zip("02468", ranges, strict=True):
        for batch in ledger.scan(id_range, None):
            seen += [raw_id.decode() for raw_id in batch.ids]
            table.sql("INSERT INTO products SELECT unnest(%s), 1", [f"{where}{next(numbers)}x" for where in "AP0Z"])
            table.sql("UPDATE products SET stock = stock + 1 WHERE id LIKE %s", f"P0{tenth}%")
            table.sql("DELETE FROM products WHERE id LIKE %s", f"P0{9 - int(tenth)}55%")

    assert len(ranges) == 5
    assert len(seen) == len(set(seen))
    stayed = {i for (i,) in table.sql("SELECT id FROM products WHERE id ~ '^P[0-9]{5}$'")}
    assert stayed <= set(seen)
    assert len(stayed) == 5000 - 5 * 5


def test_a_large_ledger_is_cut_from_a_sample_evenly_and_covers_exactly(table):
    table.generate(210_000)
    ledger = table.ledger()

    ranges = partition(ledger, batch_size=1000, max_ranges=16)

    sizes = [ledger.count(r, None) for r in ranges]
    assert sum(sizes) == 210_000
    assert 12 <= len(ranges) <= 16
    assert max(sizes) < 2 * 210_000 / len(ranges)


@pytest.mark.fault(31)
def test_any_id_is_read_again_as_it_is(table):
    ledger = table.fill(STRANGE)

    assert ledger.read(STRANGE) == dict.fromkeys(STRANGE, b"7")
    assert sorted(ids_of(ledger)) == sorted(STRANGE)


def test_a_product_that_is_gone_is_not_in_the_answer(table):
    ledger = table.fill(["a", "b"])

    assert ledger.read(["a", "gone", "A"]) == {"a": b"7"}


@pytest.mark.parametrize("id_type", ["text", "bigint", "uuid"])
def test_chosen_products_are_scanned_once(table, id_type):
    ids = ID_TYPES[id_type]
    ledger = table.fill(ids, id_type)

    ranges = chosen(ids[::2], batch_size=2, max_ranges=64)

    assert [len(r.ids) for r in ranges[:-1]] == [2] * (len(ranges) - 1)
    assert sorted(i for r in ranges for i in ids_of(ledger, r)) == sorted(ids[::2])
    assert sum(ledger.count(r, None) for r in ranges) == len(ids[::2])


def test_a_scan_that_is_given_up_midway_leaves_no_session_behind(table):
    table.generate(100_000)
    scan = table.ledger().scan(EVERYTHING, None)
    next(scan)
    assert table.sessions() >= 1

    scan.close()

    give_up = time.monotonic() + 30
    while table.sessions() > 1:  # one looked at the columns; the scan's own ends as soon as the server notices
        assert time.monotonic() < give_up


@pytest.mark.fault(12)
def test_a_scan_whose_session_dies_says_so_and_goes_on_behind_the_last_id(table):
    table.generate(60_000, digits=400)
    ledger = table.ledger()
    seen = []

    def scan_and_cut():
        for batch in ledger.scan(EVERYTHING, None):
            seen.extend(raw_id.decode() for raw_id in batch.ids)
            table.end_sessions()

    with pytest.raises(LedgerUnavailable, match="connection product_db"):
        scan_and_cut()
    seen += ids_of(ledger, after=seen[-1])

    assert len(seen) == len(set(seen)) == 60_000


def test_the_program_cannot_write_to_the_ledger(table):
    ledger = table.fill(["a"])

    with pytest.raises(BadSetting, match="read-only"):
        ledger.rows(sql.SQL("DELETE FROM products RETURNING id"))
    assert table.sql("SELECT count(*) FROM products") == [(1,)]
