"""The demo works at any time of day."""

from datetime import datetime, timedelta

import pytest

from local.demo.night import ZONE, awkward_moment


@pytest.mark.parametrize(
    ("clock", "wait"),
    [
        ("00:00:00", 0),
        ("01:57:59", 0),
        ("01:59:30", 30),
        ("02:00:01", 0),
        ("08:58:30", 90),
        ("12:00:00", 0),
        ("23:57:59", 0),
        ("23:59:50", 10),
    ],
)
def test_runs_that_would_cross_midnight_or_a_tick_wait_for_it(clock, wait):
    now = datetime.fromisoformat(f"2026-11-23T{clock}").replace(tzinfo=ZONE)
    assert awkward_moment(now) == timedelta(seconds=wait)
