"""What the tasks after the ranges make of dead ones."""

from dataclasses import replace

import pytest

from stocksync.errors import PublishFailed, Superseded
from stocksync.model.id_range import IdRange
from stocksync.model.progress import Progress, RangeOutcome
from stocksync.model.tally import Tally
from stocksync.reconcile.ports import Pending
from stocksync.reconcile.recovery import Leftovers
from tests.kit.fakes.clock import START
from tests.kit.fakes.shop import SETTLE, FakeShop, Killed, killed_at
from tests.kit.fakes.two_groups import GROUP, RESTORES, STEPS, two_groups
from tests.kit.findings import finding


def dead_at(step, group=1):
    world = two_groups()
    with pytest.raises(Killed):
        world.attempt(reached=killed_at(step, group))
    return world


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("group", [1, 2])
def test_what_a_dead_task_did_is_published_and_counted_once(step, group):
    world = dead_at(step, group)

    world.drain()
    tally, unprocessed = world.added_up()

    assert tally.restored.count == world.redis.writes == len(world.restored())
    assert tally.review.count == len(world.reviewed())
    assert tally.products + unprocessed == 2 * GROUP
    assert world.recorded() == []


def test_the_outbox_of_another_run_that_is_at_work_is_left_to_it():
    world = dead_at("committed")
    another = replace(world.plan, run_id="manual__another")

    assert (world.parts().drain(another), world.events()) == (0, {})
    world.redis.lock = None  # the run is over
    assert (world.parts().drain(another), len(world.events())) == (GROUP, GROUP)


@pytest.mark.parametrize("step", STEPS)
def test_the_sum_is_the_same_before_and_after_the_drain(step):
    world = dead_at(step)
    before = world.added_up()
    world.drain()

    assert world.added_up() == before


@pytest.mark.fault(24)
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("group", [1, 2])
def test_a_range_that_was_drained_can_still_be_cleared_and_finished(step, group):
    world = dead_at(step, group)
    world.drain()
    world.cleared()

    outcome = world.attempt()

    assert (outcome.tally.products, outcome.unprocessed) == (2 * GROUP, 0)
    assert outcome.tally.restored.count == world.redis.writes == len(world.restored()) == RESTORES
    assert len(world.events()) == 2 * GROUP


@pytest.mark.parametrize("step", STEPS)
def test_every_event_carries_the_time_of_its_run_even_after_a_drain(step):
    world = dead_at(step)
    world.drain()
    world.cleared()

    world.attempt()

    [detected] = {event["detectedAt"] for event in world.events().values()}
    first, second = START.timestamp(), START.timestamp() + SETTLE
    assert detected / 1000 in {first, second}  # the attempt that found it began then


def test_draining_twice_publishes_once():
    world = dead_at("committed")

    assert (world.drain(), world.drain()) == (GROUP, 0)
    assert len(world.publisher.delivered) == GROUP


def test_an_empty_outbox_is_left_as_it_is():
    world = FakeShop({"a": (1, 1)})

    assert world.drain() == 0
    assert world.publisher.delivered == []


@pytest.mark.fault(14)
def test_a_drain_that_fails_keeps_everything_for_the_next():
    world = dead_at("committed")
    world.publisher.room = 2
    with pytest.raises(PublishFailed):
        world.drain()
    assert len(world.recorded()) == GROUP
    world.publisher.room = None

    assert world.drain() == GROUP
    assert len(world.events()) == GROUP


def test_a_drained_attempt_that_turns_out_alive_is_refused():
    world = two_groups()

    with pytest.raises(Superseded):
        world.attempt(reached=lambda step: world.drain() if step == "committed" else None)
    assert len(world.events()) == GROUP


@pytest.mark.parametrize("step", ["looked again", "committed", "published", "saved"])
def test_an_attempt_that_turns_out_alive_after_it_was_counted_is_refused(step):
    world, counted = two_groups(), []

    with pytest.raises(Superseded):
        world.attempt(reached=lambda reached: counted.append(world.added_up()) if reached == step else None)

    [(tally, unprocessed)] = counted
    assert (tally.restored.count, tally.products + unprocessed) == (world.redis.writes, 2 * GROUP)


def test_a_range_that_never_began_is_unprocessed():
    world = two_groups()

    assert world.added_up() == (Tally(), 2 * GROUP)


def test_what_kept_moving_in_a_dead_range_counts_as_changed():
    world = FakeShop({"a": (100, 97), "b": (1, 1)})
    world.clock.after(1, lambda: world.sell("a"))
    with pytest.raises(Killed):
        world.attempt(reached=killed_at("cleared"))

    tally, unprocessed = world.added_up()

    assert (tally.changed, tally.matched, unprocessed) == (1, 1, 0)


def test_returned_ranges_are_added_to_what_dead_ones_left():
    world = dead_at("cleared")
    ranges = [IdRange(0, 3), IdRange(1, 3), IdRange(2, 3, rows=7)]
    progress = world.outbox.take_over()

    world.ledger.count = lambda id_range, _after: {0: 2 * GROUP, 2: 7}[id_range.index]

    tally, unprocessed = world.added_up(ranges, {1: RangeOutcome(1, Tally(matched=5), 2)})

    assert tally == progress.tally + Tally(matched=5)
    assert unprocessed == GROUP + 2 + 7


def test_a_finding_of_a_group_that_is_counted_already_is_not_counted_again():
    world = dead_at("cleared")
    progress = world.outbox.take_over()
    found = finding()
    world.redis.records[world.plan.run_id, 0] = {found.product_id: Pending(found, progress.group - 1)}

    assert world.added_up() == (progress.tally, GROUP)


def test_what_several_groups_left_is_counted_once_where_only_the_clearing_failed():
    left = Leftovers(Progress(0, group=3), (Pending(finding("a"), 3), Pending(finding("b"), 4)))

    counted = left.counted_in(left.noted)

    assert counted.tally.accounted == 2
    assert left.counted_in(counted) == counted


def test_a_range_that_shrank_is_never_counted_below_nothing():
    world = dead_at("cleared")
    world.ledger.stocks.clear()

    assert world.added_up()[1] == 0
