"""What a reconciliation does while the shop goes on selling."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from stocksync.errors import LockHeld, LockLost, Superseded
from stocksync.model.expected import Expected
from stocksync.model.stock import Unreadable
from stocksync.reconcile.sizes import STANDARD
from tests.kit.fakes.clock import START
from tests.kit.fakes.shop import PLAN, SETTLE, FakeShop


def at(step, happen):
    """Let something happen each time a step is passed."""
    return lambda name: happen() if name == step else None


@pytest.mark.fault(18)
def test_an_order_in_flight_is_not_drift():
    world = FakeShop({"a": (100, 100), "b": (7, 7)})
    world.sell("a", 3)
    world.clock.after(SETTLE / 2, lambda: world.book("a", 3))

    outcome = world.attempt()

    assert (outcome.tally.matched, outcome.tally.restored.count) == (2, 0)
    assert world.counter("a") == "97"
    assert world.events() == {}


def test_a_difference_is_believed_only_after_it_stood_for_the_settling_time():
    world = FakeShop({"a": (100, 97)})

    world.attempt()

    assert world.clock.ran == SETTLE
    assert world.counter("a") == "100"


def test_a_catalogue_without_differences_costs_no_waiting():
    world = FakeShop({f"P{n:04d}": (n, n) for n in range(3000)})

    assert world.attempt().tally.matched == 3000
    assert world.clock.ran == 0


def test_the_settling_time_is_paid_once_a_range_however_many_differ():
    world = FakeShop({f"P{n:04d}": (5, 4) for n in range(4 * STANDARD.group)}, batch=STANDARD.group)

    assert world.attempt().tally.restored.count == 4 * STANDARD.group
    assert world.clock.ran == SETTLE


@pytest.mark.fault(17)
def test_a_product_that_keeps_moving_is_changed_and_left_alone():
    world = FakeShop({"a": (100, 97), "b": (5, 4)})
    for moment in range(40):
        world.clock.after(moment / 2 + 0.1, lambda: world.sell("a"))

    outcome = world.attempt()

    assert (outcome.tally.changed, outcome.tally.restored.count, outcome.unprocessed) == (1, 1, 0)
    assert int(world.counter("a")) < 97
    assert world.restored() == ["b"]
    assert world.redis.writes == 1


def test_a_product_that_comes_to_rest_late_is_still_restored():
    world = FakeShop({"a": (100, 97)})
    world.clock.after(1, lambda: world.sell("a"))

    outcome = world.attempt()

    assert (outcome.tally.changed, outcome.tally.restored.count) == (0, 1)
    assert world.counter("a") == "100"


@pytest.mark.parametrize("sales", range(STANDARD.looks + 2))
def test_a_product_is_restored_at_the_first_look_after_which_it_stood_still(sales):
    """Looks are two seconds apart, and the sales are between them."""
    world = FakeShop({"a": (100, 97)})
    for sale in range(sales):
        world.clock.after(sale * SETTLE + 1, lambda: world.sell("a"))

    outcome = world.attempt()

    if sales <= STANDARD.looks:
        assert (outcome.tally.restored.count, world.clock.ran) == (1, (sales + 1) * SETTLE)
    else:
        assert (outcome.tally.changed, world.clock.ran) == (1, (STANDARD.looks + 1) * SETTLE)


def test_a_product_seen_moving_just_before_the_end_of_its_range_gets_its_full_time_too():
    world = FakeShop({"a": (100, 97)})
    world.clock.after(1.9, lambda: world.sell("a"))
    world.clock.after(3.8, lambda: world.book("a"))  # within the time an order may take

    outcome = world.attempt()

    assert (outcome.tally.restored.count, world.counter("a")) == (1, "99")


def test_only_products_that_are_looked_at_again_stay_watched():
    world = FakeShop({"a": (100, 97), "b": (5, 4), "c": (7, 7)})
    world.clock.after(1, lambda: world.sell("a"))
    watched = []

    world.attempt(reached=at("looked again", lambda: watched.append(world.cache.watched)))

    assert [*watched, world.cache.watched] == [{"a"}, set(), set()]


def test_a_sale_between_the_second_look_and_the_write_is_never_undone():
    world = FakeShop({"a": (100, 97)})

    def one_sale():
        if world.counter("a") == "97":
            world.sell("a")

    outcome = world.attempt(reached=at("looked again", one_sale))

    [event] = world.events().values()
    assert (event["redisStock"], event["discrepancy"]) == (96, 4)
    assert outcome.tally.products == 1


@pytest.mark.fault(17)
def test_an_order_and_a_return_that_leave_the_same_number_are_not_taken_for_drift():
    world = FakeShop({"a": (100, 100)})
    world.sell("a")  # on its way to the ledger at the first look
    world.clock.after(0.5, lambda: world.book("a"))
    world.clock.after(1, lambda: world.sell("a", -1))
    world.clock.after(1.1, lambda: world.book("a", -1))
    world.clock.after(1.9, lambda: world.sell("a"))  # on its way at the second, with the same two numbers
    world.clock.after(3.8, lambda: world.book("a"))

    outcome = world.attempt()

    assert (outcome.tally.matched, outcome.tally.restored.count) == (1, 0)
    assert world.counter("a") == "99"


def test_a_product_sold_at_every_look_is_left_alone():
    world = FakeShop({"a": (100, 97)})

    outcome = world.attempt(reached=at("looked again", lambda: world.sell("a")))

    assert outcome.tally.changed == 1
    assert world.redis.writes == 0
    assert world.events() == {}


@pytest.mark.parametrize("step", ["settled", "looked again"])
def test_a_counter_that_becomes_a_list_meanwhile_is_not_overwritten(step):
    world = FakeShop({"a": (100, 97)})

    world.attempt(reached=at(step, lambda: world.redis.counters.update(a=Unreadable.WRONG_TYPE)))

    assert world.counter("a") is Unreadable.WRONG_TYPE
    assert world.events() == {}


def test_a_key_that_appears_meanwhile_is_not_overwritten():
    world = FakeShop({"a": (5, None)})

    world.attempt(reached=at("looked again", lambda: world.redis.counters.setdefault("a", b"2")))

    [event] = world.events().values()
    assert event["redisStock"] == 2


@pytest.mark.fault(13)
def test_a_product_that_vanishes_meanwhile_is_no_discrepancy():
    world = FakeShop({"a": (100, 97), "b": (1, 1)})
    world.clock.after(1, lambda: world.ledger.stocks.pop("a"))

    outcome = world.attempt()

    assert (outcome.tally.products, outcome.tally.matched, outcome.unprocessed) == (1, 1, 0)
    assert world.counter("a") == "97"
    assert world.events() == {}


def test_a_product_whose_holds_moved_while_the_ledger_was_read_is_left_alone():
    world = FakeShop({"a": (100, 97)})
    world.ledger.expected = lambda ids: {i: Expected(b"100", held=3, steady=False) for i in ids}

    outcome = world.attempt()

    assert (outcome.tally.changed, world.counter("a"), world.events()) == (1, "97", {})


def test_a_ledger_stock_that_becomes_null_meanwhile_is_invalid_and_left_alone():
    world = FakeShop({"a": (100, 97)})
    world.clock.after(1, lambda: world.ledger.stocks.update(a=Unreadable.NO_STOCK))

    assert world.attempt().tally.invalid == 1
    assert world.counter("a") == "97"


def test_every_product_of_a_mixed_catalogue_meets_its_fate():
    world = FakeShop(
        {"a": (5, 5), "b": (5, 4), "c": (100, 4), "d": (500, None), "e": (0, None), "f": (None, 1), "g": (1, b"x")},
        policy="restore",
    )

    tally = world.attempt().tally

    assert (tally.matched, tally.invalid, tally.missing_keys) == (2, 2, 1)
    assert (world.restored(), world.reviewed()) == (["b", "d"], ["c"])
    assert tally.restored.missing_keys == 1
    assert world.redis.counters == {"a": b"5", "b": b"5", "c": b"4", "d": b"500", "f": b"1", "g": b"x"}


@pytest.mark.fault(26)
def test_the_deadline_leaves_the_rest_unprocessed_and_nothing_is_begun_after_it():
    world = FakeShop({f"P{n:04d}": (5, 4) for n in range(10_000)}, batch=1000)
    world.plan = replace(PLAN, stop_at=(START + timedelta(seconds=15)).isoformat())
    steps = []
    world.ledger.before_batch = lambda: world.clock.sleep(3)

    outcome = world.attempt(reached=lambda step: steps.append((step, world.clock.ran)))

    assert (outcome.tally.restored.count, outcome.unprocessed) == (2_000, 8_000)
    assert outcome.tally.restored.count == world.redis.writes == len(world.events())
    assert all(ran < 15 for _, ran in steps)
    assert world.clock.ran == 9, "the ledger was read on after the batch that was on its way"


def test_an_attempt_that_starts_after_the_deadline_takes_no_lock_and_touches_nothing():
    world = FakeShop({"a": (100, 97)})
    world.clock.sleep(3600)

    outcome = world.attempt()

    assert (outcome.tally.products, outcome.unprocessed) == (0, 1)
    assert (world.redis.lock, world.redis.writes) == (None, 0)


@pytest.mark.fault(22)
def test_a_clock_set_back_after_the_deadline_does_not_make_a_cut_range_look_finished():
    world = FakeShop({f"P{n:04d}": (5, 4 if n < 10 else 5) for n in range(3000)})
    world.plan = replace(PLAN, stop_at=(START + timedelta(seconds=14)).isoformat())
    world.ledger.before_batch = lambda: world.clock.sleep(4)
    world.clock.after(9, lambda: world.clock.set_back(timedelta(hours=2)))

    outcome = world.attempt()

    assert (outcome.tally.products, outcome.unprocessed) == (1000, 2000)


@pytest.mark.fault(22)
def test_a_clock_set_forward_leaves_the_rest_unprocessed_and_what_was_done_counted():
    world = FakeShop({f"P{n:04d}": (5, 4) for n in range(4 * STANDARD.group)}, batch=STANDARD.group)
    world.ledger.before_batch = lambda: world.clock.sleep(4)
    world.clock.after(10, lambda: world.clock.set_back(timedelta(hours=-2)))

    outcome = world.attempt()

    assert (outcome.tally.products, outcome.unprocessed) == (STANDARD.group, 3 * STANDARD.group)
    assert outcome.tally.restored.count == world.redis.writes == len(world.restored()) == STANDARD.group
    assert world.recorded() == []


@pytest.mark.fault(22)
def test_a_run_that_passes_midnight_belongs_to_the_day_it_began():
    world = FakeShop({"a": (100, 97), "b": (100, 20)})
    world.clock.present = datetime(2026, 3, 2, 14, 59, 59, tzinfo=UTC)  # a second to midnight in Seoul
    world.plan = replace(PLAN, stop_at=datetime(2026, 3, 2, 15, 30, tzinfo=UTC).isoformat())

    world.attempt()

    assert world.clock.now() > datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
    assert [published.run.date for published in world.publisher.delivered] == ["2026-03-02"] * 2


@pytest.mark.fault(15)
def test_another_runs_lock_stops_the_range_before_it_looks():
    world = FakeShop({"a": (100, 97)})
    world.redis.lock = "scheduled__other"

    with pytest.raises(LockHeld):
        world.attempt()
    assert (world.redis.lock, world.redis.writes, world.events()) == ("scheduled__other", 0, {})


@pytest.mark.fault(16)
def test_a_run_whose_lock_expired_writes_nothing_more():
    world = FakeShop({"a": (100, 97)})
    world.clock.after(1, lambda: setattr(world.redis, "lock", "scheduled__other"))

    with pytest.raises(LockLost):
        world.attempt()
    assert (world.counter("a"), world.recorded(), world.events()) == ("97", [], {})


def test_an_attempt_that_was_replaced_by_another_writes_nothing_more():
    world = FakeShop({"a": (100, 97)})

    def another_attempt():
        if world.publisher.delivered == []:
            world.attempt()

    with pytest.raises(Superseded):
        world.attempt(reached=at("settled", another_attempt))
    assert world.restored() == ["a"]
    assert world.redis.writes == 1
