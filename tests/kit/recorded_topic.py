"""A topic that is a list: it takes events as fast as a thousand schedules want, and acknowledges them all."""

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass
from functools import cache

from stocksync.adapters.avro import SingleObjectCodec, event_schema
from stocksync.adapters.event_codec import EventEncoder
from tests.kit.subscriber import decoded

NAME = "test:topic"


@dataclass(frozen=True)
class Message:
    """What an ordinary consumer would be given."""

    raw: dict

    def key(self):
        return self.raw["key"].encode()

    def value(self):
        return b64decode(self.raw["value"])

    def headers(self):
        return [(name, text.encode()) for name, text in self.raw["headers"].items()]


class ListInRedis:
    """Outlives the processes that publish."""

    def __init__(self, client):
        self._client = client

    def extend(self, records):
        self._client.rpush(NAME, *records)

    def __iter__(self):
        return iter(self._client.lrange(NAME, 0, -1))


class RecordedTopic:
    """Implements the port AlertPublisher on a list, in memory or in Redis."""

    def __init__(self, records, halfway=lambda: None):
        self._records, self._halfway = records, halfway

    def publish(self, run, findings):
        records = [_record(run, finding) for finding in findings]
        middle = len(records) // 2
        for half in (records[:middle], records[middle:]):
            if half:
                self._records.extend(half)
            self._halfway()

    def check(self):
        """It is there."""

    def copies(self):
        return [decoded(Message(json.loads(record))) for record in self._records]


@cache
def _codec():
    return EventEncoder(SingleObjectCodec(event_schema()))


def _record(run, finding):
    codec = _codec()
    headers = {name: text.decode() for name, text in codec.headers(finding, run)}
    value = b64encode(codec.value(finding)).decode()
    return json.dumps({"key": finding.product_id, "value": value, "headers": headers})
