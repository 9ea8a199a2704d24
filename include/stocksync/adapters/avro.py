"""Events as bytes: Avro single objects (specification 1.11), which carry the fingerprint of their schema."""

import io
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import fastavro
from fastavro.schema import fingerprint, to_parsing_canonical_form

_MARKER = b"\xc3\x01"
_HEAD = len(_MARKER) + 8


def load_schema(path: Path) -> dict[str, Any]:
    """Read and parse an .avsc file."""
    parsed = fastavro.parse_schema(json.loads(path.read_text()))
    if not isinstance(parsed, dict):
        raise TypeError(f"{path} is not one Avro record")
    return parsed


class UnknownEncoding(ValueError):
    """The bytes are no event in an encoding and a schema this program knows."""


class SingleObjectCodec:
    """Avro single-object encoding: C3 01, the schema's CRC-64-AVRO fingerprint (little-endian), the body."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._schema = schema
        self._head = _MARKER + _fingerprint(to_parsing_canonical_form(schema))

    def encode(self, payload: Mapping[str, Any]) -> bytes:
        """Write one event."""
        out = io.BytesIO()
        out.write(self._head)
        fastavro.schemaless_writer(out, self._schema, dict(payload))
        return out.getvalue()

    def decode(self, value: bytes) -> dict[str, Any]:
        """Read one event; raise UnknownEncoding if it is none, or has bytes too many or too few."""
        if value[:_HEAD] != self._head:
            raise UnknownEncoding(f"not an Avro single object of this schema: it begins with {value[:_HEAD].hex()}")
        body = io.BytesIO(value[_HEAD:])
        try:
            event = fastavro.schemaless_reader(body, self._schema, None)
        except (EOFError, IndexError, ValueError, UnicodeDecodeError) as error:
            raise UnknownEncoding(f"the body does not fit the schema: {error!r}") from error
        if body.read(1):
            raise UnknownEncoding("bytes are left over after the event")
        if not isinstance(event, dict):
            raise UnknownEncoding("the body is not a record")
        return event


@cache
def _fingerprint(canonical: str) -> bytes:
    return bytes.fromhex(fingerprint(canonical, "CRC-64-AVRO"))  # little-endian already, as the encoding wants it
