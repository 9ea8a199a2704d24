"""What a killed attempt leaves to the next one."""

from contextlib import suppress

import pytest

from stocksync.errors import PublishFailed, Superseded
from stocksync.reconcile.sizes import STANDARD
from tests.kit.fakes.shop import FakeShop, Killed, killed_at
from tests.kit.fakes.two_groups import GROUP, RESTORES, STEPS, two_groups


@pytest.mark.fault(1, 2, 3, 4, 5)
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("group", [1, 2])
def test_a_killed_attempt_is_finished_by_the_next_and_everything_counts_once(step, group):
    world = two_groups()

    with pytest.raises(Killed):
        world.attempt(reached=killed_at(step, group))
    outcome = world.attempt()

    assert (outcome.tally.products, outcome.unprocessed) == (2 * GROUP, 0)
    assert outcome.tally.restored.count == world.redis.writes == len(world.restored()) == RESTORES
    assert outcome.tally.review.count == len(world.reviewed()) == 2 * GROUP - RESTORES
    assert len(world.events()) == 2 * GROUP
    assert world.recorded() == []


CLOSED_TOGETHER = [*[(step, group) for step in STEPS[:3] for group in (1, 2)], *[(step, 1) for step in STEPS[3:]]]


@pytest.mark.fault(1, 2, 3, 4, 5)
@pytest.mark.parametrize(("step", "nth"), CLOSED_TOGETHER)
@pytest.mark.parametrize("recovering", [None, "recovered", "saved"])
def test_a_death_before_or_while_two_groups_are_closed_together_counts_everything_once(step, nth, recovering):
    world = two_groups(together=2)
    with pytest.raises(Killed):
        world.attempt(reached=killed_at(step, nth))
    if recovering:
        with suppress(Killed):  # there may be nothing to recover
            world.attempt(reached=killed_at(recovering))

    outcome = world.attempt()

    assert (outcome.tally.products, outcome.unprocessed) == (2 * GROUP, 0)
    assert outcome.tally.restored.count == world.redis.writes == len(world.restored()) == RESTORES
    assert outcome.tally.review.count == len(world.reviewed()) == 2 * GROUP - RESTORES
    assert len(world.events()) == 2 * GROUP
    assert world.recorded() == []


def test_full_groups_are_told_to_kafka_and_to_airflow_together():
    one_by_one, together = two_groups(), two_groups(together=2)
    steps = {}
    for world in (one_by_one, together):
        world.attempt(reached=steps.setdefault(world, []).append)

    assert [steps[one_by_one].count(step) for step in ("committed", "published", "saved")] == [3, 2, 3]
    assert [steps[together].count(step) for step in ("committed", "published", "saved")] == [3, 1, 2]
    assert one_by_one.events() == together.events()


@pytest.mark.parametrize("step", STEPS)
def test_a_death_at_the_same_step_ten_times_running_still_ends_exact(step):
    world = two_groups()
    deaths = 0

    for _ in range(10):
        try:
            world.attempt(reached=killed_at(step))
        except Killed:
            deaths += 1
    outcome = world.attempt()

    assert deaths >= 2
    assert (outcome.tally.products, len(world.events()), world.redis.writes) == (2 * GROUP, 2 * GROUP, RESTORES)


def test_a_death_while_recovering_from_a_death_changes_nothing():
    world = two_groups()
    for step in ("committed", "recovered", "saved", "recovered", "published"):
        with pytest.raises(Killed):
            world.attempt(reached=killed_at(step))

    outcome = world.attempt()

    assert (outcome.tally.products, len(world.events()), world.redis.writes) == (2 * GROUP, 2 * GROUP, RESTORES)


@pytest.mark.parametrize("death", range(1, STANDARD.looks * 2 + 2))
def test_a_death_while_moving_products_are_looked_at_again_counts_them_once(death):
    world = FakeShop({"a": (100, 97), "b": (50, 49), "c": (5, 5)})
    world.clock.after(1, lambda: world.sell("a"))

    with suppress(Killed):  # the last ones come too late
        world.attempt(reached=killed_at("looked again" if death % 2 else "committed", (death + 1) // 2))
    outcome = world.attempt()

    assert (outcome.tally.products, outcome.tally.matched, outcome.tally.restored.count) == (3, 1, 2)
    assert world.restored() == ["a", "b"]


def test_the_next_attempt_goes_on_behind_the_last_finished_group():
    world = two_groups()
    with pytest.raises(Killed):
        world.attempt(reached=killed_at("settled", 2))
    scanned = []
    world.ledger.before_batch = lambda: scanned.append(1)

    world.attempt()

    assert len(scanned) == 1


def test_an_event_published_twice_is_the_same_bytes_with_the_time_of_the_first_attempt():
    world = two_groups()
    with pytest.raises(Killed):
        world.attempt(reached=killed_at("published"))
    world.clock.sleep(60)

    world.attempt()

    assert len(world.publisher.delivered) == 3 * GROUP
    assert len(world.events()) == 2 * GROUP


@pytest.mark.fault(14)
def test_a_broker_that_refuses_600_of_1000_makes_the_attempt_fail_and_the_next_publishes_all():
    world = FakeShop({f"P{n:04d}": (100, 97) for n in range(1000)})
    world.publisher.room = 400

    with pytest.raises(PublishFailed, match="600 of 1000"):
        world.attempt()
    assert (len(world.events()), len(world.recorded())) == (400, 1000)
    world.publisher.room = None
    outcome = world.attempt()

    assert outcome.tally.restored.count == world.redis.writes == len(world.events()) == 1000
    assert world.recorded() == []


@pytest.mark.fault(16)
def test_an_attempt_that_lost_the_lock_is_resumed_once_the_lock_is_free():
    world = two_groups()
    with pytest.raises(Killed):
        world.attempt(reached=killed_at("committed"))
    world.redis.lock = None

    outcome = world.attempt()

    assert (outcome.tally.products, world.redis.writes) == (2 * GROUP, RESTORES)


@pytest.mark.fault(16)
def test_a_sleeper_that_sees_what_its_successor_restored_does_not_make_the_next_attempt_forget_it():
    world = FakeShop({"a": (100, 97)})
    asleep = []

    def its_successor_restores_and_dies(step):
        if step == "settled" and not asleep:
            asleep.append(step)
            with pytest.raises(Killed):
                world.attempt(reached=killed_at("committed"))

    with pytest.raises(Superseded):
        world.attempt(reached=its_successor_restores_and_dies)
    outcome = world.attempt()

    assert world.restored() == ["a"]
    assert (outcome.tally.restored.count, outcome.tally.matched) == (1, 0)


@pytest.mark.fault(9)
def test_an_outbox_lost_with_redis_leaves_the_journal_to_go_on_from():
    world = two_groups()
    with pytest.raises(Killed):
        world.attempt(reached=killed_at("cleared"))
    world.redis.notes.clear()
    world.redis.records.clear()

    assert world.attempt().tally.products == 2 * GROUP


@pytest.mark.fault(24)
def test_a_finished_range_run_again_by_its_own_retry_does_nothing():
    world = two_groups()
    first = world.attempt()
    delivered = len(world.publisher.delivered)

    assert world.attempt() == first
    assert len(world.publisher.delivered) == delivered


@pytest.mark.fault(24)
def test_a_cleared_run_looks_again_counts_its_restores_once_and_makes_no_new_event():
    world = two_groups()
    first = world.attempt()
    events = world.events()
    world.cleared()

    again = world.attempt()

    assert again.tally == first.tally
    assert world.events() == events
    assert world.redis.writes == RESTORES


@pytest.mark.fault(24)
def test_a_product_broken_again_before_a_clear_is_another_restore_with_its_own_event():
    world = FakeShop({"a": (100, 97), "b": (5, 5)})
    world.attempt()
    world.redis.counters["a"] = b"97"
    world.cleared()

    again = world.attempt()

    assert world.restored() == ["a", "a"]
    assert again.tally.restored.count == 2
    assert again.tally.products == 2


@pytest.mark.fault(24)
@pytest.mark.parametrize("step", STEPS)
def test_a_death_in_the_pass_after_a_clear_counts_once_too(step):
    world = two_groups()
    first = world.attempt()
    world.redis.counters["P0001"] = b"98"
    world.cleared()

    with pytest.raises(Killed):
        world.attempt(reached=killed_at(step))
    again = world.attempt()

    assert again.tally.restored.count == first.tally.restored.count + 1 == len(world.restored())
    assert again.tally.products == 2 * GROUP


@pytest.mark.fault(24)
def test_clearing_an_unfinished_run_goes_on_where_it_was():
    world = two_groups()
    with pytest.raises(Killed):
        world.attempt(reached=killed_at("committed"))
    world.cleared()

    outcome = world.attempt()

    assert (outcome.tally.products, len(world.events()), world.redis.writes) == (2 * GROUP, 2 * GROUP, RESTORES)
