"""A run of which a person cleared only what had failed: its first task, with its plan, is not run again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from stocksync.entrypoints.run_request import begun_again
from stocksync.model.plan import local_date, stop_time
from stocksync.settings import Settings
from tests.kit.fakes.shop import PLAN

SETTINGS = Settings()


def plan_of(started, day):
    limit = SETTINGS.time_limit
    return replace(
        PLAN,
        date=day.isoformat(),
        started_at=started.isoformat(timespec="seconds"),
        stop_at=stop_time(started, limit).isoformat(),
    )


@pytest.mark.fault(24, 26)
def test_it_gets_the_time_it_has_now_as_long_as_it_is_its_day():
    now = datetime.now(UTC)
    today = local_date(now, SETTINGS.zone)
    hours_ago = now - timedelta(hours=3)
    again = SimpleNamespace(start_date=now)

    assert begun_again(plan_of(hours_ago, today), again, SETTINGS).stop_time > now + timedelta(minutes=20)
    yesterdays = plan_of(hours_ago, today - timedelta(days=1))
    assert begun_again(yesterdays, again, SETTINGS) == yesterdays


@pytest.mark.fault(26)
def test_a_run_that_was_not_cleared_keeps_its_time():
    started = datetime.now(UTC)
    plan = plan_of(started, local_date(started, SETTINGS.zone))

    assert begun_again(plan, SimpleNamespace(start_date=started), SETTINGS) == plan
