"""Confluent's wire format: 00, the schema's id in the registry (4 bytes, big-endian), the body."""

import struct
from collections.abc import Mapping
from typing import Any, Protocol

from stocksync.adapters.avro import SingleObjectCodec, UnknownEncoding, read
from stocksync.adapters.avro_fields import record_writer
from stocksync.errors import BadSetting, RegistryUnavailable

_MAGIC = b"\x00"
_HEAD = struct.Struct(">cI")


class ConfluentEncoder:
    """Writes what the registry's own serializers write.

    Args:
        schema: parsed
        schema_id: the registry's number for it
    """

    def __init__(self, schema: dict[str, Any], schema_id: int) -> None:
        self._head = _HEAD.pack(_MAGIC, schema_id)
        self._body = record_writer(schema)

    def encode(self, payload: Mapping[str, Any]) -> bytes:
        """Write one event."""
        return self._head + self._body(payload)


class Writers(Protocol):
    """The schemas that events were written with."""

    def schema(self, schema_id: int) -> dict[str, Any]:
        """Return a parsed schema.

        Raises:
            UnknownEncoding: no event can have been written with it.
            RegistryUnavailable: the registry does not answer.
            BadSetting: it cannot be asked.
        """
        ...


class UnusableWriters:
    """A registry whose connection cannot be used: no event that needs it can be read, and the other ones can."""

    def __init__(self, error: BadSetting) -> None:
        self._error = str(error)

    def schema(self, _schema_id: int) -> dict[str, Any]:
        """Say what is wrong with the connection."""
        raise BadSetting(self._error)


class EventReader:
    """Reads events of either format: one topic may hold both, from before and after a registry was configured.

    It is made for one pass: a registry that did not answer is not asked again before the next one.

    Args:
        schema: the program's own, parsed
        writers: the registry's schemas; None: no registry is configured
    """

    def __init__(self, schema: dict[str, Any], writers: Writers | None) -> None:
        self._schema = schema
        self._single_objects = SingleObjectCodec(schema)
        self._writers = writers
        self._read_with: dict[int, dict[str, Any]] = {}
        self._silent: RegistryUnavailable | None = None

    def decode(self, value: bytes) -> dict[str, Any]:
        """Read one event.

        Raises:
            UnknownEncoding: it is none.
            BadSetting: it is one, and a setting is missing to read it.
            RegistryUnavailable: it may be one, and the registry does not say how to read it.
        """
        if value[:1] != _MAGIC:
            return self._single_objects.decode(value)
        if len(value) < _HEAD.size:
            raise UnknownEncoding(f"Confluent's wire format is cut off after {len(value)} bytes")
        _, schema_id = _HEAD.unpack_from(value)
        body = value[_HEAD.size :]
        if self._writers is None:
            raise self._unreadable(schema_id, body)
        return read(body, self._writer(schema_id, self._writers), self._schema)

    def _writer(self, schema_id: int, writers: Writers) -> dict[str, Any]:
        """Ask for a schema once; and not at all when the registry was silent before: a silence takes half a minute."""
        if schema_id not in self._read_with:
            if self._silent is not None:
                raise RegistryUnavailable(str(self._silent))
            try:
                self._read_with[schema_id] = writers.schema(schema_id)
            except RegistryUnavailable as error:
                self._silent = error
                raise
        return self._read_with[schema_id]

    def _unreadable(self, schema_id: int, body: bytes) -> Exception:
        """Tell garbage from an event: an event that nobody was told of must not be put aside as garbage."""
        try:
            read(body, self._schema)
        except UnknownEncoding:
            return UnknownEncoding(
                f"Confluent's wire format with schema id {schema_id}, and no registry is configured "
                "(STOCK_SYNC_SCHEMA_REGISTRY_URL)"
            )
        return BadSetting(
            "STOCK_SYNC_SCHEMA_REGISTRY_URL='' cannot be while the topic holds undelivered events in Confluent's wire "
            f"format (schema id {schema_id}); allowed: the URL of the registry they were written with"
        )
