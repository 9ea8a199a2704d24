"""Events of either format on one topic, and what becomes of bytes that are neither."""

import json
import struct

import fastavro
import pytest

from stocksync.adapters.avro import SingleObjectCodec, UnknownEncoding, load_schema
from stocksync.adapters.avro_confluent import ConfluentEncoder, EventReader
from stocksync.errors import BadSetting, RegistryUnavailable
from tests.kit.paths import SCHEMA

OURS = load_schema(SCHEMA)
EVENT = {
    "eventId": "an id",
    "eventTimestamp": 1,
    "productId": "P",
    "dbStock": 5,
    "redisStock": 3,
    "discrepancy": 2,
    "action": "REDIS_RESTORED",
    "severity": "LOW",
    "detectedAt": 1,
}


class Known(dict):
    """Schemas by id."""

    def schema(self, schema_id):
        if schema_id not in self:
            raise UnknownEncoding(f"schema id {schema_id} is unknown to the registry")
        return self[schema_id]


def changed(**fields):
    """Our schema with a few fields changed, added, or (None) removed."""
    raw = json.loads(SCHEMA.read_text())
    raw["fields"] = [fields.pop(f["name"], f) for f in raw["fields"]]
    raw["fields"] = [f for f in raw["fields"] if f] + list(fields.values())
    return fastavro.parse_schema(raw)


@pytest.mark.parametrize("encoder", [SingleObjectCodec(OURS), ConfluentEncoder(OURS, 7)])
def test_both_formats_are_read_with_a_registry(encoder):
    assert EventReader(OURS, Known({7: OURS})).decode(encoder.encode(EVENT)) == EVENT


def test_an_event_is_zero_the_id_in_four_bytes_and_the_same_body():
    value = ConfluentEncoder(OURS, 258).encode(EVENT)
    assert value == b"\x00\x00\x00\x01\x02" + SingleObjectCodec(OURS).encode(EVENT)[10:]


def test_an_event_of_a_later_schema_is_read_in_the_fields_we_know():
    later = changed(warehouse={"name": "warehouse", "type": "string", "default": ""})
    value = ConfluentEncoder(later, 8).encode(EVENT | {"warehouse": "Incheon"})
    assert EventReader(OURS, Known({8: later})).decode(value) == EVENT


def test_an_event_of_an_earlier_schema_gets_the_default():
    earlier = changed(severity=None)
    value = ConfluentEncoder(earlier, 6).encode(EVENT)
    assert EventReader(OURS, Known({6: earlier})).decode(value) == EVENT | {"severity": "MEDIUM"}


POISON = {
    "an unknown id": (struct.pack(">bI", 0, 99) + b"whatever", "schema id 99 is unknown"),
    "cut off in the id": (b"\x00\x00\x00", "cut off after 3 bytes"),
    "a body that is no event": (struct.pack(">bI", 0, 7) + b"\x05", "does not fit"),
    "another record": (struct.pack(">bI", 0, 5) + b"\x02", "does not fit"),
    "a byte too many": (ConfluentEncoder(OURS, 7).encode(EVENT) + b"\x00", "left over"),
    "neither format": (b"hello", "not an Avro single object"),
    "nothing": (b"", "not an Avro single object"),
}
ANOTHER = fastavro.parse_schema({"type": "record", "name": "Order", "fields": [{"name": "id", "type": "long"}]})


@pytest.mark.fault(21)
@pytest.mark.parametrize(("value", "reason"), POISON.values(), ids=POISON)
def test_what_is_no_event_is_refused_with_a_reason(value, reason):
    with pytest.raises(UnknownEncoding, match=reason):
        EventReader(OURS, Known({5: ANOTHER, 7: OURS})).decode(value)


def test_garbage_that_looks_like_the_wire_format_is_refused_without_a_registry():
    with pytest.raises(UnknownEncoding, match="no registry is configured"):
        EventReader(OURS, None).decode(struct.pack(">bI", 0, 7) + b"\x05")


def test_a_real_event_is_never_put_aside_because_the_registry_was_unset():
    with pytest.raises(BadSetting, match="STOCK_SYNC_SCHEMA_REGISTRY_URL=''"):
        EventReader(OURS, None).decode(ConfluentEncoder(OURS, 7).encode(EVENT))


def test_a_registry_that_is_silent_is_asked_once_and_what_it_told_before_is_read():
    class Silent(Known):
        asked = 0

        def schema(self, schema_id):
            self.asked += 1
            if schema_id not in self:
                raise RegistryUnavailable("no answer for half a minute")
            return self[schema_id]

    writers = Silent({7: OURS})
    reader = EventReader(OURS, writers)
    assert reader.decode(ConfluentEncoder(OURS, 7).encode(EVENT)) == EVENT
    for schema_id in (8, 8, 9):
        with pytest.raises(RegistryUnavailable, match="half a minute"):
            reader.decode(ConfluentEncoder(OURS, schema_id).encode(EVENT))
    assert reader.decode(ConfluentEncoder(OURS, 7).encode(EVENT)) == EVENT
    assert writers.asked == 2
