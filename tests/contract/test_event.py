"""The event, byte for byte as other teams read it. Nothing here shares code with the program's codec."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocksync.adapters.avro import SingleObjectCodec, UnknownEncoding, load_schema
from stocksync.adapters.event_codec import EventEncoder
from stocksync.model.finding import Finding
from stocksync.model.policy import Rules, judge
from tests.kit.paths import SCHEMA

NAMESPACE = "com.groom.ecommerce.monitoring.event.avro"
ACTIONS = ["REDIS_RESTORED", "MANUAL_REVIEW_REQUIRED"]
SEVERITIES = ["LOW", "MEDIUM", "HIGH", "CRITICAL"]
FIELDS = [
    ("eventId", "string"),
    ("eventTimestamp", "long"),
    ("productId", "string"),
    ("dbStock", "int"),
    ("redisStock", "int"),
    ("discrepancy", "int"),
    ("action", {"type": "enum", "name": "SyncAction", "symbols": ACTIONS}),
    ("severity", {"type": "enum", "name": "AlertSeverity", "symbols": SEVERITIES}),
    ("detectedAt", "long"),
]
CANONICAL = (
    '{"name":"com.groom.ecommerce.monitoring.event.avro.StockSyncAlert","type":"record","fields":['
    '{"name":"eventId","type":"string"},{"name":"eventTimestamp","type":"long"},'
    '{"name":"productId","type":"string"},{"name":"dbStock","type":"int"},{"name":"redisStock","type":"int"},'
    '{"name":"discrepancy","type":"int"},'
    '{"name":"action","type":{"name":"com.groom.ecommerce.monitoring.event.avro.SyncAction","type":"enum",'
    '"symbols":["REDIS_RESTORED","MANUAL_REVIEW_REQUIRED"]}},'
    '{"name":"severity","type":{"name":"com.groom.ecommerce.monitoring.event.avro.AlertSeverity","type":"enum",'
    '"symbols":["LOW","MEDIUM","HIGH","CRITICAL"]}},'
    '{"name":"detectedAt","type":"long"}]}'
)
"""The schema in Parsing Canonical Form, typed by the rules of the Avro specification."""

CODEC = SingleObjectCodec(load_schema(SCHEMA))
INT = st.integers(-(2**31), 2**31 - 1)
PAYLOADS = st.fixed_dictionaries(
    {
        "eventId": st.uuids().map(str),
        "eventTimestamp": st.integers(0, 2**63 - 1),
        "productId": st.text(st.characters(codec="utf-8"), max_size=1000),
        "dbStock": INT,
        "redisStock": INT,
        "discrepancy": INT,
        "action": st.sampled_from(ACTIONS),
        "severity": st.sampled_from(SEVERITIES),
        "detectedAt": st.integers(0, 2**63 - 1),
    }
)


def crc_64_avro(data):
    """The fingerprint of the Avro specification, section Schema Fingerprints."""
    empty = 0xC15D213AA4D7A795
    table = []
    for byte in range(256):
        entry = byte
        for _ in range(8):
            entry = (entry >> 1) ^ (empty & -(entry & 1))
        table.append(entry)
    value = empty
    for byte in data:
        value = (value >> 8) ^ table[(value ^ byte) & 0xFF]
    return value


class Reader:
    """Avro's binary encoding of this record, read field by field."""

    def __init__(self, data):
        self._data, self._at = data, 0

    def record(self):
        event = {}
        for name, kind in FIELDS:
            number = self._long()
            if kind == "string":
                event[name] = self._take(number).decode()
            elif isinstance(kind, dict):
                event[name] = kind["symbols"][number]
            else:
                event[name] = number
        assert self._at == len(self._data), "bytes are left over"
        return event

    def _long(self):
        shift = zigzag = 0
        while True:
            [byte] = self._take(1)
            zigzag |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return (zigzag >> 1) ^ -(zigzag & 1)

    def _take(self, length):
        self._at += length
        return self._data[self._at - length : self._at]


def test_the_schema_file_has_the_agreed_names_fields_order_types_and_the_one_default():
    schema = json.loads(SCHEMA.read_text())

    assert (schema["type"], schema["name"], schema["namespace"]) == ("record", "StockSyncAlert", NAMESPACE)
    assert [(field["name"], field["type"]) for field in schema["fields"]] == FIELDS
    assert {f["name"]: f["default"] for f in schema["fields"] if "default" in f} == {"severity": "MEDIUM"}


@pytest.mark.parametrize(
    ("canonical", "known"),
    [('"null"', 0x63DD24E7CC258F8A), ('"int"', 0x7275D51A3F395C8F), ('"string"', 0x8F014872634503C7)],
)
def test_the_fingerprint_of_this_test_is_that_of_the_specification(canonical, known):
    assert crc_64_avro(canonical.encode()) == known


def test_an_event_begins_with_the_marker_and_the_little_endian_fingerprint_of_its_schema():
    value = CODEC.encode(
        {"eventId": "", "eventTimestamp": 0, "productId": "", "dbStock": 0, "redisStock": 0, "discrepancy": 0}
        | {"action": ACTIONS[0], "severity": SEVERITIES[0], "detectedAt": 0}
    )

    assert value[:2] == b"\xc3\x01"
    assert value[2:10] == crc_64_avro(CANONICAL.encode()).to_bytes(8, "little")


@given(PAYLOADS)
def test_an_independent_reader_understands_every_event(payload):
    assert Reader(CODEC.encode(payload)[10:]).record() == payload


@given(PAYLOADS)
def test_the_programs_own_reader_understands_every_event(payload):
    assert CODEC.decode(CODEC.encode(payload)) == payload


def test_a_finding_fills_the_event_as_agreed():
    finding = Finding("P", judge(b"90", b"100", Rules()), "because", 1_772_384_400_000, "an id")

    assert Reader(EventEncoder(CODEC).value(finding)[10:]).record() == {
        "eventId": "an id",
        "eventTimestamp": 1_772_384_400_000,
        "productId": "P",
        "dbStock": 90,
        "redisStock": 100,
        "discrepancy": -10,
        "action": "REDIS_RESTORED",
        "severity": "MEDIUM",
        "detectedAt": 1_772_384_400_000,
    }


GOOD = EventEncoder(CODEC).value(Finding("P", judge(b"2", b"1", Rules()), "because", 0, "id"))


HEAD, BODY = GOOD[:10], GOOD[10:]
POISON = {
    "nothing": b"",
    "half a marker": b"\xc3",
    "text": b"not avro at all",
    "another team's wire format": b"\x00\x00\x00\x00\x01" + BODY,
    "another schema": HEAD[:2] + bytes(8) + BODY,
    "one byte more": GOOD + b"\x00",
    "a length below zero": HEAD + b"\x01",
    "a length without end": HEAD + b"\xff" * 30,
    "a fifth severity": GOOD[:-2] + b"\x08\x00",
    "a string that is no UTF-8": HEAD + BODY[:1] + b"\xff\xff" + BODY[3:],
} | {f"the first {length} bytes": GOOD[:length] for length in range(10, len(GOOD))}


@pytest.mark.fault(21)
@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
def test_bytes_that_are_no_event_are_refused_by_name(poison):
    with pytest.raises(UnknownEncoding):
        CODEC.decode(poison)
