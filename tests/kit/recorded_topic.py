"""A topic that is a list: it takes events as fast as a thousand schedules want, and acknowledges them all."""

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass
from functools import cache

from stocksync.adapters.avro import SingleObjectCodec, load_schema
from tests.kit.paths import SCHEMA
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

    def publish(self, alerts):
        records = [_record(alert) for alert in alerts]
        middle = len(records) // 2
        for half in (records[:middle], records[middle:]):
            if half:
                self._records.extend(half)
            self._halfway()

    def copies(self):
        return [decoded(Message(json.loads(record))) for record in self._records]


@cache
def _codec():
    return SingleObjectCodec(load_schema(SCHEMA))


def _record(alert):
    value = b64encode(_codec().encode(alert.payload())).decode()
    return json.dumps({"key": alert.finding.product_id, "value": value, "headers": dict(alert.headers)})
