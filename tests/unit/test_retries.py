"""Which failures of a task Airflow tries again, and when there is no time for that any more."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from stocksync.errors import BadSetting, LedgerUnavailable


@pytest.fixture
def retries(monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    from stocksync.entrypoints import retries  # noqa: PLC0415 - Airflow reads the environment when it is imported

    return retries


def task(delay=5, factor=2, most=60):
    return SimpleNamespace(
        retry_delay=timedelta(seconds=delay),
        retry_exponential_backoff=factor,
        max_retry_delay=None if most is None else timedelta(seconds=most),
    )


@pytest.mark.parametrize(
    ("operator", "attempt", "seconds"),
    [
        (task(), 1, 10),
        (task(), 3, 40),
        (task(), 4, 60),
        (task(), 500, 60),
        (task(delay=20, factor=0, most=None), 3, 20),
    ],
)
def test_the_longest_pause_is_known(retries, operator, attempt, seconds):
    assert retries.longest_pause(operator, attempt).total_seconds() == seconds


@pytest.mark.parametrize(("seconds_left", "again"), [(3600, True), (61, True), (50, False), (-5, False)])
def test_an_attempt_that_would_begin_after_the_time_is_up_is_not_waited_for(retries, seconds_left, again):
    from airflow.sdk.exceptions import AirflowFailException  # noqa: PLC0415 - as above

    until = datetime.now(UTC) + timedelta(seconds=seconds_left)
    context = {"ti": SimpleNamespace(task=task(), try_number=9)}

    with (
        pytest.raises(LedgerUnavailable if again else AirflowFailException, match="PostgreSQL is away"),
        retries.tried_again_before(until, context),
    ):
        raise LedgerUnavailable("PostgreSQL is away")


def test_what_a_person_has_to_mend_stays_what_it_is(retries):
    context = {"ti": SimpleNamespace(task=task(), try_number=1)}

    with pytest.raises(BadSetting), retries.tried_again_before(datetime.now(UTC), context):
        raise BadSetting("STOCK_SYNC_TOPIC")
