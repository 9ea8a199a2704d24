"""What becomes of a person's decision, whatever the shop does and wherever the worker dies."""

from contextlib import suppress
from datetime import timedelta

import pytest

from stocksync.errors import LockHeld, StockSyncError
from tests.kit.fakes.decisions import DecidingShop
from tests.kit.fakes.shop import SETTLE, Killed, killed_after


def test_what_the_person_saw_is_restored_and_the_audit_says_so():
    world = DecidingShop({"a": (100, 20)})

    assert world.restore({"a": 80}) == {"a": "applied"}

    assert world.counter("a") == "100"
    outcome = world.log.outcomes("manual__decision")["a"]
    assert (outcome.before, outcome.after, outcome.discrepancy) == (20, 100, 80)
    assert [event["action"] for event in world.publisher.events().values()] == ["REDIS_RESTORED"]


@pytest.mark.parametrize(
    ("seen", "became"),
    [(80, "applied"), (81, "applied"), (79, "stale"), (-80, "stale")],
)
def test_a_decision_holds_for_the_sign_and_the_size_that_were_seen(seen, became):
    world = DecidingShop({"a": (100, 20)})

    assert world.restore({"a": seen}) == {"a": became}
    assert world.counter("a") == ("100" if became == "applied" else "20")


def test_a_stale_outcome_tells_the_new_numbers():
    world = DecidingShop({"a": (100, 20)})

    world.restore({"a": 5})

    outcome = world.log.outcomes("manual__decision")["a"]
    assert (outcome.before, outcome.after, outcome.discrepancy) == (20, None, 80)
    assert outcome.detail == "expected 100, counter 20: the difference is 80, and 5 was seen"


@pytest.mark.parametrize(("minutes", "became"), [(29, "applied"), (31, "stale")])
def test_a_decision_holds_for_half_an_hour(minutes, became):
    world = DecidingShop({"a": (100, 20)})
    decision = world.decide("restore", seen={"a": 80})
    world.clock.sleep(minutes * 60)

    assert world.carry_out(decision) == {"a": became}


def test_a_decision_whose_time_ends_while_the_difference_settles_writes_nothing():
    world = DecidingShop({"a": (100, 20)})
    decision = world.decide("restore", seen={"a": 80})
    world.clock.sleep(30 * 60 - SETTLE / 2)

    assert world.carry_out(decision)["a"] != "applied"
    assert world.counter("a") == "20"


def test_an_order_in_flight_is_not_written_over():
    world = DecidingShop({"a": (100, 20)})
    world.clock.after(SETTLE / 2, lambda: world.sell("a", 3))
    world.clock.after(SETTLE * 1.2, lambda: world.book("a", 3))

    became = world.restore({"a": 80})

    assert became == {"a": "applied"}
    assert world.counter("a") == "97"


@pytest.mark.parametrize(
    ("ledger", "cached", "became"),
    [(100, 100, "agrees"), (100, "soup", "invalid"), (None, 20, "invalid")],
)
def test_what_needs_nothing_or_cannot_be_compared_is_said(ledger, cached, became):
    world = DecidingShop({"a": (ledger, cached if isinstance(cached, int) else b"soup")})

    assert world.restore({"a": 80}) == {"a": became}


def test_a_product_that_left_the_ledger_is_said_to_be_gone():
    world = DecidingShop({"a": (100, 20)})

    assert world.restore({"a": 80, "b": 5}) == {"a": "applied", "b": "gone"}


def test_clearing_the_run_writes_nothing_a_second_time():
    world = DecidingShop({"a": (100, 20)})
    decision = world.decide("restore", seen={"a": 80})
    world.carry_out(decision)
    world.redis.counters["a"] = b"20"
    world.journal.text = None
    world.redis.notes.clear()

    assert world.carry_out(decision) == {"a": "applied"}
    assert world.counter("a") == "20"
    assert world.redis.writes == 1


@pytest.mark.parametrize("steps", range(1, 9))
@pytest.mark.parametrize("broken_again", [False, True])
def test_wherever_the_worker_dies_a_restore_is_applied_once_and_its_outcome_is_known(steps, broken_again):
    world = DecidingShop({"a": (100, 20), "b": (50, 50)})
    decision = world.decide("restore", seen={"a": 80, "b": 7})
    with suppress(Killed):
        world.carry_out(decision, reached=killed_after(steps))
    if broken_again and world.redis.writes:
        world.redis.counters["a"] = b"20"

    assert world.carry_out(decision) == {"a": "applied", "b": "agrees"}

    assert world.redis.writes == 1
    assert world.counter("a") == ("20" if broken_again and steps > 2 else "100")
    assert len(world.publisher.events()) == 1


def test_what_the_topic_did_not_take_is_published_by_the_next_attempt_and_only_then_on_the_record():
    world = DecidingShop({"a": (100, 20)})
    decision = world.decide("restore", seen={"a": 80})
    world.publisher.room = 0
    with pytest.raises(StockSyncError):
        world.carry_out(decision)
    assert world.log.outcomes("manual__decision") == {}
    world.publisher.room = None

    assert world.carry_out(decision) == {"a": "applied"}
    assert world.redis.writes == 1


def test_a_later_runs_drain_puts_on_the_record_what_a_dead_decision_wrote():
    world = DecidingShop({"a": (100, 20)})
    with suppress(Killed):
        world.restore({"a": 80}, reached=lambda step: (_ for _ in ()).throw(Killed) if step == "committed" else None)

    world.drain()

    assert world.log.outcomes("manual__decision")["a"].result == "applied"


def test_two_people_at_once_wait_for_each_other():
    world = DecidingShop({"a": (100, 20)})
    world.restore({"a": 80}, name="manual__first")

    with pytest.raises(LockHeld):
        world.restore({"a": 80}, name="manual__second")


def test_the_second_of_two_equal_decisions_finds_nothing_to_do():
    world = DecidingShop({"a": (100, 20)})
    world.restore({"a": 80}, name="manual__first")
    world.done(world.log.find("manual__first"))

    assert world.restore({"a": 80}, name="manual__second") == {"a": "agrees"}


# --- undo ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cached", "sold", "left"),
    [
        (20, 0, 20),
        (20, 30, 0),  # what was sold since stays sold, and there is never less than nothing to sell
        (20, 5, 15),
        (180, 5, 175),
        (None, 0, 0),
    ],
)
def test_an_undo_takes_off_what_was_written_from_what_is_there(cached, sold, left):
    world = DecidingShop({"a": (100, cached)})
    world.restore({"a": 100 - (cached or 0)})
    world.sell("a", sold)

    assert world.undo("manual__decision", ["a"]) == {"a": "undone"}

    assert world.counter("a") == str(left)


def test_an_oversold_counter_is_not_raised_by_taking_something_off():
    world = DecidingShop({"a": (100, 20)})
    world.restore({"a": 80})
    world.sell("a", 103)

    world.undo("manual__decision", ["a"])

    assert world.counter("a") == "-3"


def test_an_undo_opens_the_case_again():
    world = DecidingShop({"a": (100, 20)})
    world.restore({"a": 80})

    world.undo("manual__decision", ["a"])

    again = world.publisher.delivered[-1].finding
    assert (again.difference.action, again.difference.discrepancy) == ("MANUAL_REVIEW_REQUIRED", 80)
    assert (again.decided.before, again.decided.after) == (100, 20)


def test_an_undo_that_leaves_nothing_to_see_makes_no_event():
    world = DecidingShop({"a": (100, 20)})
    world.restore({"a": 80})
    world.book("a", 80)
    before = len(world.publisher.delivered)

    assert world.undo("manual__decision", ["a"]) == {"a": "undone"}
    assert len(world.publisher.delivered) == before


def test_a_decision_is_undone_once():
    world = DecidingShop({"a": (100, 20)})
    world.restore({"a": 80})
    world.undo("manual__decision", ["a"], name="manual__undo")
    world.done(world.log.find("manual__undo"))

    assert world.undo("manual__decision", ["a", "b"], name="manual__again") == {"a": "refused", "b": "refused"}
    assert world.counter("a") == "20"


@pytest.mark.parametrize("steps", range(1, 5))
def test_wherever_the_worker_dies_an_undo_is_applied_once(steps):
    world = DecidingShop({"a": (100, 20)})
    world.restore({"a": 80})
    undo = world.decide("undo", "manual__undo", seen={"a": None}, undoes="manual__decision")
    world.done(world.log.find("manual__decision"))
    with suppress(Killed):
        world.carry_out(undo, reached=killed_after(steps))

    assert world.carry_out(undo) == {"a": "undone"}
    assert world.redis.writes == 2
    assert world.counter("a") == "20"
    assert len(world.publisher.events()) == 2


# --- keep ----------------------------------------------------------------------------------------------------


def test_a_case_is_kept_as_it_was_seen_and_nothing_is_written():
    world = DecidingShop({"a": (100, 20), "b": (5, 60), "c": (1, 1)})
    world.log.cases = {"a": (80, True), "b": (-55, True)}
    decision = world.decide("keep", seen={"a": None, "b": -50, "c": 3})

    assert world.carry_out(decision) == {"a": "kept", "b": "stale", "c": "not_open"}
    assert world.redis.writes == 0
    assert world.log.outcomes("manual__decision")["a"].discrepancy == 80


def test_a_decision_of_an_hour_ago_cannot_begin_to_be_written():
    world = DecidingShop({"a": (100, 20)})
    world.restore({"a": 80})
    undo = world.decide("undo", "manual__undo", seen={"a": None}, undoes="manual__decision")
    world.done(world.log.find("manual__decision"))
    world.clock.sleep(timedelta(hours=1).total_seconds())

    assert world.carry_out(undo) == {"a": "stale"}
    assert world.counter("a") == "100"
