"""What a run is: its date, its mode, its end."""

import json
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from stocksync.model.plan import RunPlan, dry_run_reason, local_date, stop_time
from tests.kit.fakes.shop import PLAN

SEOUL = ZoneInfo("Asia/Seoul")


@pytest.mark.fault(22)
@pytest.mark.parametrize(
    ("instant", "zone", "day"),
    [
        (datetime(2026, 3, 1, 17, 0, tzinfo=UTC), "Asia/Seoul", date(2026, 3, 2)),
        (datetime(2026, 3, 1, 14, 59, 59, tzinfo=UTC), "Asia/Seoul", date(2026, 3, 1)),
        (datetime(2026, 3, 1, 15, 0, tzinfo=UTC), "Asia/Seoul", date(2026, 3, 2)),
        (datetime(2025, 12, 31, 17, 0, tzinfo=UTC), "Asia/Seoul", date(2026, 1, 1)),
        (datetime(2026, 3, 1, 4, 0, tzinfo=UTC), "America/New_York", date(2026, 2, 28)),
        (datetime(2026, 3, 2, 2, 0, tzinfo=SEOUL), "UTC", date(2026, 3, 1)),
    ],
)
def test_two_in_the_morning_in_seoul_belongs_to_the_new_day(instant, zone, day):
    assert local_date(instant, ZoneInfo(zone)) == day


def test_a_run_of_today_works_and_one_of_another_day_only_looks():
    today = date(2026, 3, 2)

    assert dry_run_reason(asked=False, run_date=today, today=today) == ""
    assert dry_run_reason(asked=True, run_date=today, today=today) == "dry_run was asked for"
    for days in (-30, -1, 1):
        other = today + timedelta(days=days)
        assert str(other) in dry_run_reason(asked=False, run_date=other, today=today)


@pytest.mark.parametrize(
    ("minutes", "works_for"), [(1, 54), (10, 9 * 60), (15, 13.5 * 60), (30, 28.5 * 60), (55, 53.5 * 60)]
)
def test_a_run_stops_by_itself_a_little_before_its_limit(minutes, works_for):
    started = datetime(2026, 3, 2, 2, 0, tzinfo=SEOUL)

    assert stop_time(started, timedelta(minutes=minutes)) == started + timedelta(seconds=works_for)


def test_a_plan_survives_the_way_to_its_tasks():
    raw = json.loads(json.dumps(PLAN.to_dict()))

    assert RunPlan.from_dict(raw) == PLAN
    assert PLAN.stop_time == datetime.fromisoformat(PLAN.stop_at)
    assert PLAN.identity.run_id == PLAN.run_id
