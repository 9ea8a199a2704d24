"""Fakes behind the ports of delivery."""

import json

from stocksync.adapters.event_codec import KEY_MISSING, PRODUCT_NAME, RUN_DATE, RUN_ID, EventDecoder
from stocksync.alerting.ports import Delivered, Record


def payload(found):
    return {
        "eventId": found.event_id,
        "eventTimestamp": found.detected_at_ms,
        "productId": found.product_id,
        "dbStock": found.db_stock,
        "redisStock": found.redis_stock,
        "discrepancy": found.discrepancy,
        "action": found.action.value,
        "severity": found.severity.value,
        "detectedAt": found.detected_at_ms,
    }


DECODER = EventDecoder(json.loads)
"""JSON stands in for Avro."""


class FakeTopic:
    """Implements AlertSource on a list, one partition unless told otherwise."""

    def __init__(self):
        self.records = []
        self.committed = {}
        self.silent = None
        self.commits = 0
        self._next = {}

    def publish(self, found, run_id="run-1", date="2024-01-15", partition=0, name=""):
        headers = [] if run_id is None else [(RUN_ID, run_id.encode()), (RUN_DATE, date.encode())]
        headers += [(KEY_MISSING, b"true")] if found.key_missing else []
        headers += [(PRODUCT_NAME, name.encode())] if name else []
        self.publish_bytes(json.dumps(payload(found)).encode(), headers=headers, partition=partition)

    def publish_bytes(self, value, *, headers=(), partition=0, error=""):
        offset = sum(record.partition == partition for record in self.records)
        self.records.append(Record(partition, offset, 1, b"key", value, list(headers), error))

    def restart(self):
        """What a new consumer of the group sees."""
        self._next = {}

    def read(self):
        for record in list(self.records):
            start = self._next.get(record.partition, self.committed.get(record.partition, 0))
            if record.offset >= start:
                self._next[record.partition] = record.offset + 1
                yield record
        if self.silent is not None:
            raise self.silent

    def commit(self, offsets):
        self.commits += 1
        self.committed.update(offsets)


class FakeDeliveryLog:
    """Implements DeliveryLog on dicts."""

    def __init__(self):
        self._tokens = {}
        self._delivered = {}

    def tokens(self, group):
        return self._tokens.get(group, b"")

    def groups(self):
        return list(self._tokens)

    def delivered(self, group):
        return self._delivered.get(group, Delivered())

    def remember(self, group, tokens, delivered):
        self._tokens[group] = self.tokens(group) + tokens
        self._delivered[group] = delivered


class FakeFindingsLog:
    """Implements FindingsLog on a dict; `broken` is what it raises."""

    def __init__(self):
        self.events = {}
        self.complete = set()
        self.broken = None

    def add(self, event):
        if self.broken is not None:
            raise self.broken
        self.events[event.event_id] = event

    def finish(self, runs):
        if self.broken is not None:
            raise self.broken
        self.complete.update(runs)


class FakeDeadLetterLog:
    """Implements DeadLetterLog on a set."""

    def __init__(self):
        self.places = set()

    def known(self):
        return set(self.places)

    def remember(self, places):
        self.places.update(places)


def _refuse(refusals):
    """Raise the next refusal; None lets one call through."""
    refusal = refusals.pop(0) if refusals else None
    if refusal is not None:
        raise refusal


class FakeNotifier:
    """Implements Notifier; answers as `refusals` says, one a call."""

    def __init__(self):
        self.messages = []
        self.refusals = []

    def post(self, message):
        _refuse(self.refusals)
        self.messages.append(message)

    @property
    def titles(self):
        return [message.body.splitlines()[0] for message in self.messages]


class FakePager:
    """Implements Pager."""

    def __init__(self):
        self.triggered = []
        self.resolved = []
        self.refusals = []

    def trigger(self, incident):
        _refuse(self.refusals)
        self.triggered.append(incident)

    def resolve(self, dedup_key):
        _refuse(self.refusals)
        self.resolved.append(dedup_key)


class FakeIncidents:
    """Implements OpenIncidents on a dict."""

    def __init__(self):
        self.open = {}

    def add(self, incident):
        self.open[incident.dedup_key] = incident

    def all(self):
        return list(self.open.values())

    def remove(self, incident):
        if self.open.get(incident.dedup_key) == incident:
            del self.open[incident.dedup_key]


class FakeDeadLetters:
    """Implements DeadLetters on a list; takes nothing while `refuses` says why, or nothing of some bytes."""

    def __init__(self):
        self.poison = []
        self.refuses = ""
        self.refused_values = set()
        self.puts = 0

    def put(self, poison):
        self.puts += 1
        refused = [each for each in poison if self.refuses or each[0].value in self.refused_values]
        self.poison += [each for each in poison if each not in refused]
        return [(record, self.refuses or "not this one") for record, _ in refused]
