"""In which format events are written and read: by the schema registry that is configured, or without one."""

import ssl
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException
from confluent_kafka.schema_registry import SchemaRegistryClient

from stocksync.adapters.avro import Encoder, SingleObjectCodec, load_schema
from stocksync.adapters.avro_confluent import ConfluentEncoder, EventReader
from stocksync.adapters.schema_registry import DEFAULTS, SchemaRegistry
from stocksync.errors import BadSetting
from stocksync.settings import Registration, Settings

STOCK_SCHEMA_REGISTRY = "stock_schema_registry"
SCHEMA = Path(__file__).parents[3] / "schemas" / "StockSyncAlert.avsc"

_TLS = {"ca_file": "ssl.ca.location", "cert_file": "ssl.certificate.location", "key_file": "ssl.key.location"}


@cache
def _schema() -> dict[str, Any]:
    return load_schema(SCHEMA)


def encoder(schema_id: int | None) -> Encoder:
    """Make what writes events: Confluent's wire format under an id of the registry, single objects without one."""
    return SingleObjectCodec(_schema()) if schema_id is None else ConfluentEncoder(_schema(), schema_id)


def reader(settings: Settings) -> EventReader:
    """Make what reads events of either format."""
    return EventReader(_schema(), _registry(settings))


def schema_id(settings: Settings) -> int | None:
    """Ask the registry for the id of the event's schema; None if no registry is configured.

    Raises:
        RegistryUnavailable: it does not answer.
        BadSetting: it does not know the schema, and it may not or cannot be registered.
    """
    registry = _registry(settings)
    if registry is None:
        return None
    subject, text = f"{settings.topic}-value", SCHEMA.read_text()
    found = registry.find(subject, text)
    if found is not None:
        return found
    if settings.schema_registration is Registration.NEVER:
        raise BadSetting(
            f"STOCK_SYNC_SCHEMA_REGISTRATION='never', and schemas/StockSyncAlert.avsc is not registered under subject "
            f"{subject!r} (STOCK_SYNC_SCHEMA_REGISTRY_URL): register it there, or set "
            "STOCK_SYNC_SCHEMA_REGISTRATION=allowed and a run does"
        )
    return registry.register(subject, text)


def _registry(settings: Settings) -> SchemaRegistry | None:
    """Make a client; who we are is in connection `stock_schema_registry`, or in the URL.

    The connection is optional: login and password, and in the extra `ca_file`, `cert_file` and `key_file` for https.
    """
    url = settings.schema_registry_url
    if url is None:
        return None
    port, path = f":{url.port}" if url.port else "", (url.path or "").rstrip("/")
    host = f"{url.scheme}://{url.host}{port}{path}"  # without credentials: the client logs and raises what it is given
    config: dict[str, Any] = {**DEFAULTS, "url": host}
    user, password = unquote(url.username or ""), unquote(url.password or "")
    try:
        connection = BaseHook.get_connection(STOCK_SCHEMA_REGISTRY)
    except AirflowNotFoundException:
        pass  # an open registry, or credentials in the URL
    else:
        user, password = connection.login or user, connection.password or password
        extra = connection.extra_dejson
        config |= {theirs: extra[ours] for ours, theirs in _TLS.items() if extra.get(ours)}
    if user:
        config["basic.auth.user.info"] = f"{user}:{password}"
    try:
        return SchemaRegistry(SchemaRegistryClient(config), host)
    except (ssl.SSLError, OSError, ValueError) as error:
        files = {name: config[name] for name in _TLS.values() if name in config}
        raise BadSetting(
            f"connection {STOCK_SCHEMA_REGISTRY}: {files} cannot be used ({error}); allowed: extras ca_file, "
            "cert_file, key_file naming files in PEM form"
        ) from error
