"""A person steps in through Airflow's UI while a real scheduler has a run at work, or afterwards."""

import pytest

from tests.kit.airflow.driver import await_that
from tests.kit.airflow.three_ranges import (
    IN_THE_SECOND_RANGE,
    LARGE,
    SMALL,
    SUMMING,
    assert_complete,
    assert_repaired,
    assert_summary,
    begin_and_wait_at,
    lock,
    outboxes,
    ranges,
)
from tests.kit.airflow.trouble import gate_at, has_ended, silent_broker

pytestmark = pytest.mark.timeout(600)
A_MINUTE = 60


@pytest.mark.fault(24)
def test_ranges_that_are_cleared_while_their_run_is_at_work_are_done_again_and_count_once(night, person, writes):
    with gate_at(night.shop, IN_THE_SECOND_RANGE) as gate:
        run_id, task = begin_and_wait_at(gate, night)

        person.clears_a_task(run_id, "reconcile", 0)  # it had ended
        await_that(lambda: ranges(night, run_id, "try_number")[0] == 2, "the first range is begun again")
        await_that(lambda: ranges(night, run_id, "state")[0] == "success", "the first range is done again")

        with silent_broker(night.stack):
            gate.open()
            await_that(lambda: outboxes(night) == 1, "the second range has restored, and waits for the broker")
            person.clears_a_task(run_id, "reconcile", 1)
            await_that(lambda: has_ended(task), "the second range's task is ended")
    run = night.end_of("stock_sync", run_id)

    assert_complete(night, run)
    assert_repaired(night, writes)
    assert ranges(night, run_id, "try_number")[1] > 1


@pytest.mark.fault(24)
def test_a_run_that_is_cleared_and_run_again_the_same_day_restores_and_tells_nothing_new(night, person, writes):
    run = night.run()
    assert_complete(night, run)
    told = night.events_of(run.id)
    counts = {name: run.summary[name] for name in SUMMING}

    person.clears_the_run(run.id)
    again = night.end_of("stock_sync", run.id)

    assert set(ranges(night, run.id, "try_number")) == {2}
    assert_complete(night, again)
    assert_repaired(night, writes)
    assert night.events_of(run.id) == told
    assert {name: again.summary[name] for name in SUMMING} == counts


def test_a_run_marked_failed_is_red_frees_the_day_and_the_next_run_publishes_what_it_left(night, person, writes):
    with gate_at(night.shop, IN_THE_SECOND_RANGE) as gate:
        run_id, task = begin_and_wait_at(gate, night)
        with silent_broker(night.stack):
            gate.open()
            await_that(lambda: outboxes(night) == 1, "the range has restored, and waits for the broker")
            person.marks_the_run_failed(run_id)
            await_that(lambda: lock(night) is None, "the day is free", A_MINUTE)
            await_that(lambda: has_ended(task), "the task is ended")
            red = night.end_of("stock_sync", run_id)
            assert outboxes(night) == 1
    next_run = night.run()

    assert (red.state, red.summary["status"]) == ("failed", "failed"), red.tasks
    assert_summary(night, red, SMALL + LARGE)
    assert_complete(night, next_run, LARGE)
    assert_repaired(night, writes)
