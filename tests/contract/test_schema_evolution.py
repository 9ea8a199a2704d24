"""The schema against the version that was agreed on: whatever is added, both sides still read."""

import io
import json

import fastavro
import pytest

from stocksync.adapters.avro import load_schema
from tests.kit.paths import SCHEMA
from tests.kit.subscriber import AGREED, EVENTS

OURS = load_schema(SCHEMA)


def passed_on(event, writer, reader):
    body = io.BytesIO()
    fastavro.schemaless_writer(body, writer, event)
    body.seek(0)
    return fastavro.schemaless_reader(body, writer, reader)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: f"{event['action']} {event['severity']}")
def test_backward_we_read_what_was_written_with_the_agreed_version(event):
    assert {name: passed_on(event, AGREED, OURS)[name] for name in event} == event


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: f"{event['action']} {event['severity']}")
def test_forward_other_teams_read_with_the_agreed_version_what_we_write(event):
    added = {field["name"]: field["default"] for field in OURS["fields"] if field["name"] not in event}
    assert passed_on(event | added, OURS, AGREED) == event


def test_what_is_added_has_a_default_and_comes_last():
    ours = json.loads(SCHEMA.read_text())["fields"]
    agreed = [field["name"] for field in AGREED["fields"]]
    assert [field["name"] for field in ours[: len(agreed)]] == agreed
    assert [field["name"] for field in ours[len(agreed) :] if "default" not in field] == []
