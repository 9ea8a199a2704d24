"""The little the wiring of the alerts decides by itself."""

import json

import pytest

from local.standins.slack import connection
from stocksync.entrypoints import alert_tasks, channels, run_history
from stocksync.entrypoints.connections import AirflowClients
from stocksync.errors import BadSetting, ChannelRefuses
from stocksync.model.progress import RangeOutcome
from stocksync.model.run_scale import AlarmLimits
from stocksync.model.tally import Tally
from stocksync.settings import Settings

KAFKA = json.dumps({"conn_type": "kafka", "extra": {"bootstrap.servers": "127.0.0.1:9", "log_level": 0}})


class Quiet:
    def tell(self, news):
        return []


class AirflowSays:
    """What a task instance can ask about a run of a DAG; other DAGs have no run of that id."""

    def __init__(self, task, running, dag_id="stock_sync", publisher="publish_pending"):
        self._task, self._running = task, running
        self._of = (dag_id, [publisher])

    def get_task_states(self, *, dag_id, task_ids, run_ids):
        known = (dag_id, task_ids) == self._of and self._task is not None
        return {run_ids[0]: {task_ids[0]: self._task}} if known else {}

    def get_dr_count(self, *, dag_id, run_ids, states):
        assert (run_ids, set(states)) == (["run"], {"queued", "running"})
        return int(self._running and dag_id == self._of[0])


@pytest.mark.parametrize(
    ("task", "running", "publishing"),
    [
        ("running", True, True),
        ("up_for_retry", True, True),
        (None, True, True),
        ("success", True, False),
        ("failed", True, False),
        ("skipped", True, False),
        ("running", False, False),  # its worker died and the run was given up
        (None, False, False),  # a run of another Airflow
    ],
)
def test_a_run_publishes_until_its_last_publisher_is_done_or_the_run_is_over(task, running, publishing):
    assert run_history.is_publishing(AirflowSays(task, running))("run") is publishing
    assert run_history.is_publishing(AirflowSays(task, running, "stock_sync_review", "conclude"))("run") is publishing


class Returned:
    """What a task instance can read of the ranges of a run."""

    def __init__(self, *tallies):
        self._outcomes = [tally and RangeOutcome(0, tally).to_dict() for tally in tallies]

    def xcom_pull(self, *, dag_id, run_id, task_ids):
        assert (dag_id, run_id, task_ids) == ("stock_sync", "run", ["reconcile"])
        return self._outcomes


@pytest.mark.parametrize(
    ("returned", "changed"),
    [
        (Returned(Tally(matched=9_000, changed=60), Tally(matched=900, changed=41)), 101),
        (Returned(Tally(matched=9_000, changed=60), Tally(matched=901, changed=40)), 0),
        (Returned(Tally(changed=99)), 0),
        (Returned(None), 0),  # a run of another Airflow
    ],
)
def test_what_kept_changing_is_added_up_over_the_ranges_and_told_where_it_is_much(returned, changed):
    assert run_history.scale(returned, AlarmLimits())("run").changed == changed


def test_a_channel_without_a_connection_is_named_in_the_log(caplog):
    assert set(alert_tasks.usable_channels({"slack": lambda: None, "pagerduty": Quiet}, [])) == {"pagerduty"}
    assert "connection stock_slack is not defined" in caplog.text


def test_a_channel_whose_connection_cannot_be_used_leaves_the_other_one_at_work():
    def broken():
        raise BadSetting("connection stock_slack has no password")

    made = alert_tasks.usable_channels({"slack": broken, "pagerduty": Quiet}, [])
    assert isinstance(made["pagerduty"], Quiet)
    with pytest.raises(ChannelRefuses, match="no password"):
        made["slack"].tell(None)


def test_no_connection_is_no_channel(monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_STOCK_SLACK", raising=False)
    monkeypatch.delenv("AIRFLOW_CONN_STOCK_PAGERDUTY", raising=False)
    assert channels.slack(Settings()) is None
    assert channels.pager() is None


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        ({"base_url": "http://127.0.0.1:1"}, "https"),
        ({"base_url": "https://127.0.0.1:1", "ca_file": "/nowhere"}, "ca_file"),
    ],
)
def test_a_pagerduty_connection_that_would_not_be_safe_is_refused(monkeypatch, extra, says):
    described = {"conn_type": "pagerduty", "password": "key", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_STOCK_PAGERDUTY", json.dumps(described))
    with pytest.raises(BadSetting, match=says):
        channels.pager()


def test_a_producer_is_made_without_a_word_about_its_address(monkeypatch, capfd):
    monkeypatch.setenv("AIRFLOW_CONN_STOCK_KAFKA", KAFKA)
    AirflowClients(Settings()).producer()
    assert "cimpl" not in "".join(capfd.readouterr())


def test_a_connection_in_the_environment_is_a_channel(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_STOCK_SLACK", json.dumps(connection(1)))
    assert channels.slack(Settings()) is not None
