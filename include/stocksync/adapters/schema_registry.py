"""The schema registry (Confluent's API): under which number the event's schema is known, and what a number means."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

import fastavro
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.common._httpx_compat import httpx  # the client's choice: httpx or its successor
from confluent_kafka.schema_registry.error import SchemaRegistryError
from fastavro.schema import SchemaParseException, to_parsing_canonical_form

from stocksync.adapters.avro import SCHEMA, UnknownEncoding
from stocksync.adapters.tls_errors import tls_error
from stocksync.errors import BadSetting, RegistryUnavailable
from stocksync.settings import Registration

DEFAULTS: dict[str, Any] = {"timeout": 10, "max.retries": 2, "retries.wait.ms": 500}
"""What the client is made with; its own timeout is none."""

_AVRO = "AVRO"
_CONFLICT, _UNPROCESSABLE = 409, 422
_NOT_FOUND = range(40400, 40500)  # the API's own codes: a wrong path of any web server is 404 too
_REFUSALS = {401, 403}
_PASSING = {408, 429, *range(500, 600)}

T = TypeVar("T")


class SchemaRegistry:
    """The registry as publisher and consumer need it. Implements the port Writers.

    Args:
        client: made with DEFAULTS
        url: how messages name it, without credentials
    """

    def __init__(self, client: SchemaRegistryClient, url: str) -> None:
        self._client = client
        self._where = f"STOCK_SYNC_SCHEMA_REGISTRY_URL={url!r}"
        self._schemas: dict[int, dict[str, Any]] = {}

    def find(self, subject: str, text: str) -> int | None:
        """Look up the id of a schema under a subject; None: it is not registered there.

        A version that differs only in what does not change the bytes (doc, defaults, order of attributes) is the
        same schema: other teams may have registered their copy.
        """
        found = self._unless_missing(lambda: self._client.lookup_schema(subject, Schema(text, _AVRO)))
        if found is not None:
            return self._number(found.schema_id)
        ours = to_parsing_canonical_form(fastavro.parse_schema(json.loads(text)))
        for version in sorted(self._unless_missing(lambda: self._client.get_versions(subject)) or []):
            registered = self._asked(lambda version=version: self._client.get_version(subject, version))  # type: ignore[misc]
            theirs = _parsed(registered.schema)
            if theirs is not None and to_parsing_canonical_form(theirs) == ours:
                return self._number(registered.schema_id)
        return None

    def register(self, subject: str, text: str) -> int:
        """Register a schema, or find it registered; return its id.

        Raises:
            BadSetting: it is not compatible with what other teams read, or may not be registered.
        """
        try:
            return self._number(self._asked(lambda: self._client.register_schema(subject, Schema(text, _AVRO))))
        except SchemaRegistryError as error:
            if error.http_status_code not in {_CONFLICT, _UNPROCESSABLE}:
                raise self._no_registry(error) from error
            raise BadSetting(
                f"{self._where}: schemas/StockSyncAlert.avsc is not accepted under subject {subject!r}: "
                f"{error.error_message}; allowed: a schema that is compatible with the versions registered there"
            ) from error

    def schema(self, schema_id: int) -> dict[str, Any]:
        """Return a schema by its number."""
        if schema_id not in self._schemas:
            found = self._unless_missing(lambda: self._client.get_schema(schema_id))
            parsed = None if found is None else _parsed(found)
            if parsed is None:
                raise UnknownEncoding(
                    f"schema id {schema_id} is {'unknown to' if found is None else 'no Avro record in'} the registry "
                    f"({self._where})"
                )
            self._schemas[schema_id] = parsed
        return self._schemas[schema_id]

    def _unless_missing(self, ask: Callable[[], T]) -> T | None:
        try:
            return self._asked(ask)
        except SchemaRegistryError as error:
            if error.error_code not in _NOT_FOUND:
                raise self._no_registry(error) from error
            return None

    def _asked(self, ask: Callable[[], T]) -> T:
        """Ask, and say what is the matter where the registry did not answer the question."""
        try:
            return ask()
        except SchemaRegistryError as error:
            if error.http_status_code in _PASSING:
                raise RegistryUnavailable(f"{self._where} answers {error}; the next attempt asks again") from error
            if error.http_status_code in _REFUSALS:
                raise BadSetting(
                    f"{self._where} refuses: {error}; put login and password of connection stock_schema_registry "
                    "right, or the rights of this user"
                ) from error
            raise
        except httpx.RequestError as error:
            if tls_error(error) is not None:
                raise BadSetting(
                    f"{self._where}: {error}; allowed: https only where it speaks TLS, and in the extra ca_file of "
                    "connection stock_schema_registry the authority that signed its certificate"
                ) from error
            raise RegistryUnavailable(
                f"{self._where} does not answer: {error}; the next attempt asks again. Check the address"
            ) from error
        except (ValueError, TypeError, AttributeError, KeyError) as error:  # HTTP, but not the API
            raise self._no_registry(error) from error

    def _number(self, schema_id: object) -> int:
        if not isinstance(schema_id, int):
            raise self._no_registry(f"schema id {schema_id!r}")
        return schema_id

    def _no_registry(self, what: object) -> BadSetting:
        return BadSetting(
            f"{self._where} does not answer as a schema registry does: {what}; allowed: the base URL of Confluent's "
            "API, such as http://registry:8081 (Apicurio: http://registry:8080/apis/ccompat/v7)"
        )


def agreed_schema_id(registry: SchemaRegistry, subject: str, registration: Registration) -> int:
    """Find the id of the event's schema under a subject, or register it where that is allowed.

    Raises:
        RegistryUnavailable: the registry does not answer.
        BadSetting: it does not know the schema, and it may not or cannot be registered.
    """
    text = SCHEMA.read_text()
    found = registry.find(subject, text)
    if found is not None:
        return found
    if registration is Registration.NEVER:
        raise BadSetting(
            f"STOCK_SYNC_SCHEMA_REGISTRATION='never', and schemas/StockSyncAlert.avsc is not registered under subject "
            f"{subject!r} (STOCK_SYNC_SCHEMA_REGISTRY_URL): register it there, or set "
            "STOCK_SYNC_SCHEMA_REGISTRATION=allowed and a run does"
        )
    return registry.register(subject, text)


def _parsed(schema: Schema) -> dict[str, Any] | None:
    """Parse a registered schema; None if it is no Avro record that stands alone."""
    if (schema.schema_type or _AVRO) != _AVRO or not schema.schema_str:
        return None
    try:
        parsed = fastavro.parse_schema(json.loads(schema.schema_str))
    except (ValueError, SchemaParseException):
        return None
    return parsed if isinstance(parsed, dict) else None
