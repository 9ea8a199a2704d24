"""What an entry of the shop's index says, and what a counter should hold beside the orders it says are open."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocksync.model.expected import Expected, less_holds
from stocksync.model.finding import Finding
from stocksync.model.holds import HoldsFormat, too_many_unreadable
from stocksync.model.policy import Rules, judge
from stocksync.model.stock import Unreadable
from stocksync.reconcile.preconditions import last_held_units, warn_of_vanished_holds
from tests.kit.findings import finding

UUID = "[0-9a-f-]{36}"
A, B = "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"
FORM = HoldsFormat.of(
    f"(?P<order>{UUID}):(?P<product>{UUID}):(?P<quantity>[0-9]+)$", "stock:reservation:{order}:{product}"
)
ANYTHING = HoldsFormat.of(r"(?s)^(?P<product>.*):(?P<quantity>[^:]*)$", None)


def test_an_entry_behind_a_codecs_bytes_gives_product_units_and_key():
    hold = FORM.read(b"\x03\x01\xc8" + f"{A}:{B}:12".encode())

    assert (hold.product_id, hold.units, hold.key) == (B, 12, f"stock:reservation:{A}:{B}".encode())


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        b"a",
        b":1",
        b"a:",
        b"a:-1",
        b"a:1.5",
        b"a: 1",
        b"a:1_0",
        "a:٣".encode(),
        b"a:2147483648",
        b"a\x00:1",
        b"\xff:1",
    ],
)
def test_what_is_no_hold_is_not_taken_for_one(entry):
    assert ANYTHING.read(entry) is None


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1), st.integers(0, 2**31 - 1))
def test_any_product_and_any_units_are_read_back(product_id, units):
    hold = ANYTHING.read(f"{product_id}:{units}".encode())

    assert (hold.product_id, hold.units, hold.key) == (product_id, units, None)


@given(st.binary())
def test_no_bytes_at_all_break_it(entry):
    FORM.read(entry)
    ANYTHING.read(entry)


@pytest.mark.parametrize(
    ("unreadable", "entries", "too_many"), [(0, 0, False), (1, 1, True), (1, 100, False), (2, 100, True)]
)
def test_more_than_one_in_a_hundred_is_too_many(unreadable, entries, too_many):
    assert too_many_unreadable(unreadable, entries) is too_many


@pytest.mark.parametrize(
    ("stock", "units", "left"),
    [
        (b"100", 60, b"40"),
        (b"100", 0, b"100"),
        (b"100", 100, b"0"),
        (b"100", 101, Unreadable.NO_STOCK),
        (Unreadable.NO_STOCK, 1, Unreadable.NO_STOCK),
        (Unreadable.SEVERAL_ROWS, 1, Unreadable.SEVERAL_ROWS),
    ],
)
def test_what_is_on_hold_is_taken_off_and_never_more_than_there_is(stock, units, left):
    assert less_holds(stock, units) == left


@pytest.mark.parametrize(
    ("counter", "in_doubt", "left"),
    [
        (b"97", 0, False),  # nothing in doubt
        (b"97", 1, True),  # a raise
        (b"103", 1, False),  # too large in any case
        (b"40", 60, True),  # a person is not asked: it explains all of it
        (b"40", 59, False),  # it does not
        (b"40", None, True),  # it may
        (b"103", None, False),
    ],
)
def test_a_doubt_leaves_alone_what_it_may_explain_and_what_would_be_raised(counter, in_doubt, left):
    difference = judge(b"100", counter, Rules())

    assert Expected(b"100", 0, in_doubt).leaves_in_doubt(difference) is left


def test_a_finding_keeps_what_is_on_hold_and_one_of_an_older_version_has_none():
    found = finding("a", db=40, redis=37)

    older = found.to_dict()
    del older["held"]
    assert Finding.from_dict(older) == found
    with_holds = Finding.from_dict(found.to_dict() | {"held": 60})
    assert (with_holds.held, with_holds.ledger_stock, found.ledger_stock) == (60, 100, 40)


@pytest.mark.parametrize(
    ("summaries", "units"),
    [
        ([], 0),
        ([{"held_units": 3}, {"held_units": 9}], 3),
        ([{"total": 5}], 0),
        ([{"held_units": 0, "dry_run": True, "run_type": "scheduled"}, {"held_units": 9}], 9),
        ([{"held_units": 0, "dry_run": True, "run_type": "manual"}, {"held_units": 9}], 0),
        ([{"held_units": 0, "whole_ledger": False}, {"held_units": 9}], 9),
    ],
)
def test_what_last_night_had_on_hold_is_known_and_a_dry_run_by_hand_may_say_otherwise(summaries, units):
    assert last_held_units(summaries) == units


def test_holds_that_are_gone_are_named_with_the_index():
    assert warn_of_vanished_holds("holds\n", 0, 1234) == (
        r"THE HOLDS ARE GONE: STOCK_SYNC_HOLDS_INDEX='holds\\n' has no entry, and the run before saw 1,234 units on "
        "hold: no counter is raised. If there is nothing on hold any more, trigger a dry run"
    )
    assert warn_of_vanished_holds("holds", 0, 0) == warn_of_vanished_holds("holds", 1, 5) == ""
