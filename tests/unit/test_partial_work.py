"""Work that is cut short, by the time limit, a death or the ledger: what was compared counts, nothing is done twice."""

from dataclasses import replace
from datetime import timedelta

import pytest

from stocksync.errors import LedgerUnavailable
from stocksync.model.id_range import IdRange
from stocksync.model.progress import RangeOutcome, left_first
from stocksync.model.tally import Tally
from stocksync.reconcile.sizes import STANDARD
from stocksync.reconcile.time_left import TimeLeft
from tests.kit.fakes.clock import START, FakeClock
from tests.kit.fakes.shop import PLAN, SETTLE, FakeShop, Killed
from tests.kit.fakes.two_groups import GROUP, two_groups

DRIFTED = 100
"""Every so many products one differs."""


def shop(products, *, minutes=30.0, **how):
    """A shop in which far fewer products differ than a group holds."""
    world = FakeShop({f"P{n:06d}": (50, 49 if n % DRIFTED == 0 else 50) for n in range(products)}, **how)
    world.plan = replace(PLAN, stop_at=(START + timedelta(minutes=minutes)).isoformat())
    return world


def reads(world):
    """Count how often each product is read by a scan."""
    seen = {}
    scan = world.ledger.scan

    def counted(id_range, after):
        for batch in scan(id_range, after):
            for raw_id in batch.ids:
                seen[raw_id.decode()] = seen.get(raw_id.decode(), 0) + 1
            yield batch

    world.ledger.scan = counted
    return seen


@pytest.mark.fault(26)
def test_what_was_compared_when_the_time_is_up_is_looked_at_again_restored_told_and_counted():
    world = shop(25_000, minutes=2)

    outcome = world.attempt(pace=75)

    compared = outcome.tally.products
    assert compared > 75 * (120 - SETTLE - STANDARD.closing) - 75
    assert outcome.unprocessed == 25_000 - compared
    assert outcome.tally.restored.count == len(world.restored()) == -(-compared // DRIFTED)
    assert world.clock.ran < 120


@pytest.mark.fault(26)
def test_the_next_attempt_goes_on_behind_what_the_time_limit_left_and_a_cleared_run_too():
    world = shop(20_000, minutes=1)
    seen = reads(world)
    nights = [world.attempt(pace=100)]
    while nights[-1].unprocessed:
        assert len(nights) < 6
        world.cleared()
        world.plan = replace(world.plan, stop_at=(world.clock.now() + timedelta(minutes=1)).isoformat())
        nights.append(world.attempt(pace=100))

    assert nights[-1].tally.products == 20_000
    assert world.attempt(pace=100) == nights[-1], "what was finished after it was cleared is begun again"
    assert nights[-1].tally.restored.count == len(world.restored()) == world.redis.writes == 200
    assert len(seen) == 20_000
    assert sum(seen.values()) < 20_000 + 1000 * len(nights), "work was done twice"


def test_a_range_that_was_cleared_after_its_end_is_looked_at_again_once_and_not_at_each_attempt():
    world = shop(1000)
    world.attempt()
    world.cleared()
    seen = reads(world)

    again, more = world.attempt(), world.attempt()

    assert again.tally.products == more.tally.products == 1000
    assert set(seen.values()) == {1}


def test_a_partial_range_that_was_cut_in_another_way_meanwhile_is_begun_again_and_skips_nothing():
    world = shop(1000, minutes=0.5, batch=100)
    world.ledger.before_batch = lambda: world.clock.sleep(4)
    first = world.attempt(id_range=IdRange(0, 2, upper="P000900"))
    assert 0 < first.tally.products < 900
    world.ledger.before_batch = lambda: None
    world.plan = replace(PLAN, pass_number=1)

    second = world.attempt(id_range=IdRange(0, 2, lower="P000100", upper="P000300"))

    restored_before = first.tally.restored.count
    assert second.unprocessed == 0
    assert second.tally.products == 200
    assert second.tally.restored.count >= restored_before


@pytest.mark.parametrize("differ", [True, False], ids=["with drift", "clean"])
def test_a_death_costs_a_few_seconds_of_scanning(differ):
    world = shop(100_000, batch=100)
    if not differ:
        world.redis.counters.update(dict.fromkeys(world.redis.counters, b"50"))
    world.ledger.before_batch = lambda: world.clock.sleep(0.1)
    world.clock.after(60, lambda: (_ for _ in ()).throw(Killed()))
    with pytest.raises(Killed):
        world.attempt()

    kept = world.journal.load().tally.products

    assert kept > 1000 * (60 - SETTLE - 2 * STANDARD.checkpoint)


@pytest.mark.fault(12)
def test_a_range_whose_scan_the_ledger_ends_again_and_again_comes_to_its_end():
    world = shop(20_000)
    scan, seen = world.ledger.scan, reads(world)

    def conflict_with_recovery(id_range, after):
        for number, batch in enumerate(scan(id_range, after)):
            if number == 3:
                raise LedgerUnavailable("canceling statement due to conflict with recovery")
            for raw_id in batch.ids:
                seen[raw_id] = seen.get(raw_id, 0) + 1
            yield batch

    world.ledger.scan = conflict_with_recovery
    attempts, outcome = 0, None
    while outcome is None:
        attempts += 1
        try:
            outcome = world.attempt()
        except LedgerUnavailable:
            assert attempts < 8

    assert (attempts, outcome.tally.products, outcome.unprocessed) == (7, 20_000, 0)
    assert len(world.restored()) == 200
    assert set(seen.values()) == {1}


def test_what_is_committed_when_the_time_is_up_is_told_though_more_would_have_followed():
    world = two_groups(together=4)

    outcome = world.attempt(reached=lambda step: world.clock.sleep(3600) if step == "committed" else None)

    assert (len(world.events()), outcome.tally.accounted, outcome.unprocessed) == (GROUP, GROUP, GROUP)
    assert world.recorded() == []


def test_no_wait_is_longer_than_the_time_that_is_left():
    world = shop(10_000, minutes=1)

    outcome = world.attempt(pace=1)

    assert 0 < outcome.tally.products < 60
    assert outcome.unprocessed == 10_000 - outcome.tally.products
    assert world.clock.ran < 60


def test_products_that_keep_moving_do_not_keep_a_run_beyond_its_time():
    world = FakeShop({"a": (100, 97)})
    world.plan = replace(PLAN, stop_at=(START + timedelta(seconds=10)).isoformat())

    outcome = world.attempt(reached=lambda step: world.sell("a") if step == "looked again" else None)

    assert outcome.tally.changed == 1
    assert world.clock.ran <= 10


@pytest.mark.fault(22)
def test_a_run_whose_time_was_up_stays_over_when_the_clock_is_set_back():
    clock = FakeClock()
    time = TimeLeft(clock, START + timedelta(seconds=10))
    assert (time.seconds(), time.is_over()) == (10, False)

    time.wait(60)
    assert time.is_over()
    clock.set_back(timedelta(hours=2))

    assert clock.ran == 10
    assert (time.seconds(), time.is_over()) == (0, True)
    time.wait(5)
    assert clock.ran == 10


# --- the next night ----------------------------------------------------------------------------------------------


def test_a_range_that_is_begun_in_its_middle_takes_what_is_below_last():
    world = FakeShop({f"P{n}": (5, 5) for n in range(8)}, batch=2)
    order = []
    scan = world.ledger.scan
    world.ledger.scan = lambda leg, after: (
        order.extend(raw_id.decode() for raw_id in batch.ids) or batch for batch in scan(leg, after)
    )

    outcome = world.attempt(id_range=IdRange(0, 1, lower="P1", upper="P7", start="P4"))

    assert order == ["P4", "P5", "P6", "P1", "P2", "P3"]
    assert (outcome.tally.matched, outcome.unprocessed) == (6, 0)


@pytest.mark.parametrize("dies_after", range(1, 25))
def test_a_range_that_is_begun_in_its_middle_survives_a_death_in_either_part(dies_after):
    world = FakeShop({f"P{n}": (50, 49) for n in range(8)}, batch=1, group=2)
    middle = IdRange(0, 1, start="P4")
    left = dies_after

    def reached(_step):
        nonlocal left
        left -= 1
        if left == 0:
            raise Killed

    with pytest.raises(Killed):
        world.attempt(id_range=middle, reached=reached)
    outcome = world.attempt(id_range=middle)

    assert (outcome.tally.restored.count, outcome.tally.products, outcome.unprocessed) == (8, 8, 0)
    assert len(world.restored()) == world.redis.writes == 8


def test_who_has_waited_longest_comes_first_in_the_next_run():
    ranges = [IdRange(n, 4, lower=low, upper=up) for n, (low, up) in enumerate(["ab", "bc", "cd", "de"])]
    outcomes = {
        0: RangeOutcome(0, Tally(matched=9)),
        1: RangeOutcome(1, Tally(matched=5), 4, rest_from="bb"),
        2: RangeOutcome(2, Tally(), 9, begun=False),
        3: RangeOutcome(3, Tally(), 9, begun=False),
    }

    ordered = left_first(ranges, outcomes)

    assert [(r.lower, r.start) for r in ordered] == [("c", None), ("d", None), ("b", "bb"), ("a", None)]
    assert [r.index for r in ordered] == [0, 1, 2, 3]
    assert left_first(ranges[:1], outcomes) == []


@pytest.mark.parametrize("at_once", [1, 3, 16])
def test_a_catalogue_too_large_for_one_night_is_seen_whole_in_as_many_as_it_takes(at_once):
    """Each range of a night gets three seconds of one product each, `at_once` ranges a night."""
    world = FakeShop({f"P{n:03d}": (5, 5) for n in range(100)}, batch=1)
    world.ledger.before_batch = lambda: world.clock.sleep(1)
    edges = [None, *(f"P{n:03d}" for n in range(10, 100, 10)), None]
    ranges = [IdRange(n, 10, lower, edges[n + 1]) for n, lower in enumerate(edges[:-1])]
    seen, a_night = reads(world), min(at_once, 10) * 3
    nights = 0
    while len(seen) < 100:
        nights += 1
        assert nights <= -(-100 // a_night) + 10
        outcomes = {}
        for r in ranges:
            world.journal.text, world.redis.lock, seconds = None, None, 4 if r.index < at_once else -1
            stop = world.clock.now() + timedelta(seconds=seconds + SETTLE + STANDARD.closing if seconds > 0 else -1)
            world.plan = replace(PLAN, run_id=f"night-{nights}", stop_at=stop.isoformat())
            outcomes[r.index] = world.attempt(id_range=r)
        ranges = left_first(ranges, outcomes)
    assert nights > 1
