"""PagerDuty's whole reason is told, and a key it does not know names the connection."""

import json

import pytest

from local.standins.pagerduty import PagerDuty
from local.standins.stand_in import Refusal
from stocksync.entrypoints import channels
from stocksync.errors import ChannelRefuses, MessageRefused
from stocksync.model.notice import Incident

INCIDENT = Incident("key-1", "summary", {})


@pytest.fixture
def service(tmp_path, monkeypatch):
    with PagerDuty(tmp_path) as stand_in:
        monkeypatch.setenv("AIRFLOW_CONN_STOCK_PAGERDUTY", stand_in.connection)
        yield stand_in


def bad_request(*errors):
    return Refusal(400, {"status": "invalid event", "message": "Event object is invalid", "errors": list(errors)})


def test_a_key_pagerduty_does_not_know_names_the_connection_and_not_the_event(service, monkeypatch):
    wrong = {**json.loads(service.connection), "password": "S3cret"}
    monkeypatch.setenv("AIRFLOW_CONN_STOCK_PAGERDUTY", json.dumps(wrong))
    with pytest.raises(ChannelRefuses, match=r"connection stock_pagerduty.*'routing_key' is invalid") as refused:
        channels.pager().trigger(INCIDENT)
    assert "put its integration key right" in str(refused.value)
    assert "S3cret" not in str(refused.value)


@pytest.mark.parametrize(
    "said", ["Length of 'routing_key' is incorrect (should be 32 characters)", "Invalid routing key"]
)
def test_whatever_it_says_of_a_key_is_about_the_connection(service, said):
    service.refuse(bad_request(said))
    with pytest.raises(ChannelRefuses, match="stock_pagerduty"):
        channels.pager().trigger(INCIDENT)


def test_the_whole_reason_is_told(service):
    reason = "'payload.timestamp' is invalid: " + "a long story, " * 20 + "and its end"
    service.refuse(bad_request("'payload.severity' is invalid", reason))
    with pytest.raises(MessageRefused, match="key-1") as refused:
        channels.pager().trigger(INCIDENT)
    assert "'payload.severity' is invalid" in str(refused.value)
    assert "and its end" in str(refused.value)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_of_another_kind_tells_its_reason_too(service, status):
    service.refuse(Refusal(status, {"message": "Account is suspended"}))
    with pytest.raises(ChannelRefuses, match=rf"stock_pagerduty.*{status}: Account is suspended"):
        channels.pager().trigger(INCIDENT)
