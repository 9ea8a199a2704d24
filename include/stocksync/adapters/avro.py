"""Events as bytes: Avro single objects (specification 1.11), which carry the fingerprint of their schema.

Confluent's wire format is in avro_confluent.py.
"""

import io
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import fastavro
from fastavro.read import SchemaResolutionError
from fastavro.schema import fingerprint, to_parsing_canonical_form

from stocksync.adapters.avro_fields import record_writer

_MARKER = b"\xc3\x01"
_HEAD = len(_MARKER) + 8


class UnknownEncoding(ValueError):
    """The bytes are no event in an encoding and a schema this program knows."""


class Encoder(Protocol):
    """Writes events in one of the formats."""

    def encode(self, payload: Mapping[str, Any]) -> bytes:
        """Write one event; the same event gives the same bytes."""
        ...


SCHEMA = Path(__file__).parents[3] / "schemas" / "StockSyncAlert.avsc"


@cache
def event_schema() -> dict[str, Any]:
    """Load the event's schema."""
    return load_schema(SCHEMA)


def load_schema(path: Path) -> dict[str, Any]:
    """Read and parse an .avsc file.

    Raises:
        TypeError: it is no schema of one record.
    """
    parsed = fastavro.parse_schema(json.loads(path.read_text()))
    if not isinstance(parsed, dict):
        raise TypeError(f"{path} is not one Avro record")
    return parsed


class SingleObjectCodec:
    """Avro single-object encoding: C3 01, the schema's CRC-64-AVRO fingerprint (little-endian), the body."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._schema = schema
        self._head = _MARKER + _fingerprint(to_parsing_canonical_form(schema))
        self._body = record_writer(schema)

    def encode(self, payload: Mapping[str, Any]) -> bytes:
        """Write one event."""
        return self._head + self._body(payload)

    def decode(self, value: bytes) -> dict[str, Any]:
        """Read one event.

        Raises:
            UnknownEncoding: it is none of this schema, or has bytes too many or too few.
        """
        if value[:_HEAD] != self._head:
            raise UnknownEncoding(f"not an Avro single object of this schema: it begins with {value[:_HEAD].hex()}")
        return read(value[_HEAD:], self._schema)


def read(data: bytes, writer: dict[str, Any], reader: dict[str, Any] | None = None) -> dict[str, Any]:
    """Read a record to its last byte, in the fields of `reader` where it was written with another schema.

    Raises:
        UnknownEncoding: the bytes are no such record.
    """
    body = io.BytesIO(data)
    try:
        event = fastavro.schemaless_reader(body, writer, reader)
    except (EOFError, IndexError, ValueError, UnicodeDecodeError, SchemaResolutionError) as error:
        raise UnknownEncoding(f"the body does not fit the schema: {error!r}") from error
    if body.read(1):
        raise UnknownEncoding("bytes are left over after the event")
    if not isinstance(event, dict):
        raise UnknownEncoding("the body is not a record")
    return event


@cache
def _fingerprint(canonical: str) -> bytes:
    return bytes.fromhex(fingerprint(canonical, "CRC-64-AVRO"))  # little-endian already, as the encoding wants it
