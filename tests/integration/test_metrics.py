"""A run's gauges, as StatsD gets them from Airflow's own client."""

import socket
from dataclasses import replace
from datetime import timedelta

import pytest

from stocksync.model.summary import RunStatus, RunSummary, summarize
from stocksync.model.tally import Tally
from tests.kit.fakes.clock import START
from tests.kit.fakes.shop import PLAN


@pytest.fixture
def statsd(monkeypatch, tmp_path):
    """What arrives at a StatsD server, by name."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    from airflow.sdk._shared.observability.metrics.statsd_logger import SafeStatsdLogger  # noqa: PLC0415 - reads AIRFLOW_HOME
    from airflow.sdk.observability import stats  # noqa: PLC0415 - as above
    from statsd import StatsClient  # noqa: PLC0415 - as above

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.2)
        client = StatsClient("127.0.0.1", server.getsockname()[1], prefix="airflow")
        stats.initialize(factory=lambda: SafeStatsdLogger(client), export_legacy_names=False)
        yield lambda: dict(_read(server))
    stats.initialize(factory=None, export_legacy_names=False)


def _read(server):
    while True:
        try:
            name, _, value = server.recv(4096).decode().partition(":")
        except TimeoutError:
            return
        yield name, value


def summary(**changes):
    tally = Tally(matched=900, changed=50, invalid=50)
    made = summarize(
        PLAN, tally, unprocessed=0, status=RunStatus.COMPLETE, finished=START + timedelta(seconds=4)
    ).to_dict()
    return replace(RunSummary.from_dict(made), duration_seconds=4.0, **changes)


def test_every_number_of_a_run_is_a_gauge(statsd):
    from stocksync.entrypoints import metrics  # noqa: PLC0415 - Airflow reads the environment when it is imported

    by_severity = {"LOW": 3, "MEDIUM": 2, "HIGH": 1, "CRITICAL": 4}
    held = {"held_units": 700, "in_doubt": 2, "mass_loss": True}
    metrics.emit(summary(by_severity=by_severity, restored=5, manual_review=5, **held))
    assert statsd() == {
        "airflow.stock_sync.discrepancies.low": "3|g",
        "airflow.stock_sync.discrepancies.medium": "2|g",
        "airflow.stock_sync.discrepancies.high": "1|g",
        "airflow.stock_sync.discrepancies.critical": "4|g",
        "airflow.stock_sync.total": "1000|g",
        "airflow.stock_sync.matched": "900|g",
        "airflow.stock_sync.restored": "5|g",
        "airflow.stock_sync.manual_review": "5|g",
        "airflow.stock_sync.changed": "50|g",
        "airflow.stock_sync.invalid": "50|g",
        "airflow.stock_sync.unprocessed": "0|g",
        "airflow.stock_sync.missing_keys": "0|g",
        "airflow.stock_sync.held_units": "700|g",
        "airflow.stock_sync.in_doubt": "2|g",
        "airflow.stock_sync.mass_loss": "1|g",
        "airflow.stock_sync.max_discrepancy": "0|g",
        "airflow.stock_sync.duration_seconds": "4.0|g",
        "airflow.stock_sync.products_per_second": "250.0|g",
        "airflow.stock_sync.duration": "4000.000000|ms",
    }


def test_a_dry_run_has_gauges_of_its_own(statsd):
    from stocksync.entrypoints import metrics  # noqa: PLC0415 - as above

    metrics.emit(summary(dry_run=True))
    assert all(name.startswith("airflow.stock_sync.dry_run.") for name in statsd())


def test_a_run_of_no_time_divides_by_nothing():
    from stocksync.entrypoints import metrics  # noqa: PLC0415 - as above

    assert metrics.gauges(replace(summary(), duration_seconds=0.0))["products_per_second"] == 0
