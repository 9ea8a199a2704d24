"""A run that a person clears, once or often, while the shop breaks things again: its numbers stay honest."""

from hypothesis import example, given
from hypothesis import strategies as st

from stocksync.model.summary import RunStatus, summarize
from stocksync.model.tally import Findings, Tally
from stocksync.reconcile.progress_log import in_words
from tests.kit.fakes.clock import START
from tests.kit.fakes.shop import FakeShop

PARTS = ("matched", "restored", "manual_review", "changed", "invalid", "unprocessed")
IDS = [f"P{n}" for n in range(6)]
STOCK = 100
HELD = st.sampled_from([100, 100, 97, 110, 89, 20, b"x", None])
NIGHT = st.fixed_dictionaries({}, optional=dict.fromkeys(IDS, HELD))
# Before each further pass some counters are broken; a pass may die after so many steps, and the last one stays dead.
PASS = st.tuples(NIGHT, st.none() | st.integers(1, 12))


def summary_of(tally, unprocessed=0):
    world = FakeShop({})
    return summarize(world.plan, tally, unprocessed=unprocessed, status=RunStatus.COMPLETE, finished=START).to_dict()


def passes(world, nights):
    """Play the passes; return the tally and what is unprocessed after the last of them."""
    for number, (broken, dies_after) in enumerate(nights):
        if number:
            world.cleared()
        for product_id, held in broken.items():
            world.corrupt(product_id, held)
        if dies_after is not None:
            world.die_after(dies_after)
        if dies_after is None or number < len(nights) - 1:
            outcome = world.attempt()
            counted = (outcome.tally, outcome.unprocessed)
            assert " -" not in in_words(outcome)
        else:
            counted = world.added_up()
            world.drain()
    return counted


@given(NIGHT, st.lists(PASS, min_size=1, max_size=4), st.integers(1, 4))
@example({"P0": 97}, [({}, None), ({"P0": 97}, None)], 4)
@example({"P0": 97}, [({}, None), ({"P0": 20}, None), ({"P0": 97}, None)], 4)
@example(dict.fromkeys(IDS, 97), [({}, None), ({}, 1)], 2)
def test_however_often_a_run_is_cleared_nothing_is_negative_it_adds_up_and_restores_are_events(products, nights, size):
    world = FakeShop({i: (STOCK, held) for i, held in products.items()}, batch=size, group=size)

    summary = summary_of(*passes(world, nights))

    assert min(summary[part] for part in PARTS) >= 0
    assert summary["total"] == sum(summary[part] for part in PARTS)
    assert summary["restored"] + summary["manual_review"] == sum(summary["by_severity"].values())
    assert summary["restored"] == len(world.restored()) == world.redis.writes
    accounted = summary["total"] - summary["matched"] - summary["unprocessed"]
    assert summary["total"] == max(len(products), accounted), "the total is no longer the number of products"


def test_a_product_restored_in_both_passes_is_two_restores_and_takes_the_place_of_one_that_agrees():
    world = FakeShop({"a": (100, 97), "b": (5, 5), "c": (7, 7)})
    counted = passes(world, [({}, None), ({"a": 97}, None)])

    summary = summary_of(*counted)

    assert {part: summary[part] for part in ("total", "matched", "restored")} == {
        "total": 3,
        "matched": 1,
        "restored": 2,
    }


def test_more_restores_than_products_make_the_total_larger_and_nothing_negative():
    world = FakeShop({"a": (100, 97)})
    summary = summary_of(*passes(world, [({}, None), ({"a": 97}, None)]))

    assert {part: summary[part] for part in ("total", "matched", "restored")} == {
        "total": 2,
        "matched": 0,
        "restored": 2,
    }


def test_what_an_earlier_pass_restored_is_not_left_to_do_because_the_next_one_ran_out_of_time():
    six = Findings(by_severity={"LOW": 6})
    one_looked_at_again = Tally(matched=1 - six.count, restored=six)

    summary = summary_of(one_looked_at_again, unprocessed=5)

    assert {part: summary[part] for part in ("total", "matched", "restored", "unprocessed")} == {
        "total": 6,
        "matched": 0,
        "restored": 6,
        "unprocessed": 0,
    }


def test_a_finished_range_whose_task_never_returned_counts_as_what_it_finished_as():
    world = FakeShop({"a": (100, 97), "b": (100, 20), "c": (7, 7)})
    finished = world.attempt().tally

    assert world.added_up() == (finished, 0)
