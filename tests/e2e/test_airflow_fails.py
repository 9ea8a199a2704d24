"""Airflow itself ends a run, or dies, while a real scheduler has a run at work."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.kit.airflow.driver import await_that
from tests.kit.airflow.three_ranges import (
    IN_THE_SECOND_RANGE,
    LARGE,
    SECOND_RANGE,
    SMALL,
    assert_complete,
    assert_repaired,
    assert_summary,
    begin_and_wait_at,
    lock,
    outboxes,
    ranges,
)
from tests.kit.airflow.trouble import deaf_supervisor, gate_at, grow_older, has_ended, silent_broker

pytestmark = pytest.mark.timeout(600)
A_MINUTE = 60
THE_LIMIT = timedelta(minutes=30)
REPORT = "stock_sync_daily_report"


def begun(night):
    """A run that has begun, none of whose tasks may start yet."""
    run_id = night.api.trigger("stock_sync")
    await_that(lambda: night.api.run("stock_sync", run_id)["state"] == "running", "the run is begun")
    return run_id


def report(night):
    night.switch_on(REPORT)
    return night.api.result(REPORT, night.run(REPORT).id, "write")


@pytest.mark.fault(26)
@pytest.mark.parametrize("goes_on", ["in the next run", "when its failed tasks are cleared"])
def test_a_run_that_runs_out_of_time_is_red_and_partial_and_the_rest_is_done(night, person, writes, goes_on):
    with gate_at(night.shop, IN_THE_SECOND_RANGE) as gate:
        with person.holds_all_tasks():
            run_id = begun(night)
            grow_older(night.stack, run_id, THE_LIMIT - timedelta(seconds=110))
        gate.task()
        stop_at = datetime.fromisoformat(night.api.result("stock_sync", run_id, "acquire_lock")["stop_at"])
        await_that(lambda: datetime.now(UTC) > stop_at, "the time is up")
    partial = night.end_of("stock_sync", run_id)

    assert (partial.state, partial.summary["status"]) == ("failed", "partial"), partial.tasks
    assert partial.summary["unprocessed"] >= len(SECOND_RANGE)
    done = list(night.events_of(run_id))
    assert_summary(night, partial, done)
    assert lock(night) is None
    assert ranges(night, run_id, "state")[1] == "failed"

    if goes_on == "when its failed tasks are cleared":
        finished = [index for index, state in enumerate(ranges(night, run_id, "state")) if state == "success"]
        person.clears_the_failed_tasks(run_id)
        assert_complete(night, night.end_of("stock_sync", run_id))
        assert {ranges(night, run_id, "try_number")[index] for index in finished} <= {1}
        assert_repaired(night, writes)
        return
    assert f"부분 실행(PARTIAL): {run_id}" in report(night)
    assert_complete(night, night.run(), {*SMALL, *LARGE}.difference(set(done) & set(SMALL)))
    assert_repaired(night, writes)


@pytest.mark.fault(26)
@pytest.mark.parametrize("ended_by", ["a person", "its time limit"])
def test_a_worker_that_lives_on_after_its_run_was_ended_writes_nothing(night, person, writes, ended_by):
    with gate_at(night.shop, IN_THE_SECOND_RANGE) as gate:
        run_id, abandoned = begin_and_wait_at(gate, night)
        with deaf_supervisor(abandoned):
            if ended_by == "a person":
                person.marks_the_run_failed(run_id)
            else:
                grow_older(night.stack, run_id, THE_LIMIT)
            await_that(lambda: lock(night) is None, "the day is free", A_MINUTE)
            red = night.end_of("stock_sync", run_id)
            next_id = night.api.trigger("stock_sync")
            gate.task(besides=[abandoned])
            assert lock(night) == next_id.encode()
            gate.open()
            next_run = night.end_of("stock_sync", next_id)
        await_that(lambda: has_ended(abandoned), "the worker of the first run is ended")

    assert red.state == "failed", red.tasks
    before = {*SMALL, *LARGE}.difference(SECOND_RANGE)
    assert set(night.events_of(run_id)) == before
    assert_complete(night, next_run, {*SMALL, *LARGE}.difference(before & set(SMALL)))
    assert_repaired(night, writes)
    assert run_id in report(night).partition("\n\n")[0]


@pytest.mark.fault(23)
def test_a_scheduler_and_an_api_server_that_die_in_the_middle_of_a_run_are_made_good_by_their_start(night, writes):
    scheduler, api_server = (night.stack.airflow.components[name] for name in ("scheduler", "api-server"))
    with gate_at(night.shop, IN_THE_SECOND_RANGE) as gate:
        run_id, task = begin_and_wait_at(gate, night)
        with silent_broker(night.stack):
            gate.open()
            await_that(lambda: outboxes(night) == 1, "the range has restored, and waits for the broker")
            scheduler.kill()
            api_server.kill()
            assert has_ended(task)
        for component in (api_server, scheduler):
            component.start()
        await_that(night.api.health, "the API server answers again")
    run = night.end_of("stock_sync", run_id)

    assert_complete(night, run)
    assert_repaired(night, writes)
