"""Airflow's connections to the native clients the product works with. Opens nothing but what it returns."""

import json
import ssl
from functools import cached_property
from typing import Any
from urllib.parse import unquote

import psycopg2
import redis
from airflow.providers.apache.kafka.hooks.consume import KafkaConsumerHook, error_callback
from airflow.providers.apache.kafka.hooks.produce import KafkaProducerHook
from airflow.providers.redis.hooks.redis import RedisHook
from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException
from confluent_kafka import Consumer, Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from psycopg2.extensions import connection as PostgresConnection  # noqa: N812 - it is a class

from stocksync.adapters import kafka, kafka_source, schema_registry
from stocksync.adapters.postgres_address import PostgresAddress
from stocksync.adapters.schema_registry import SchemaRegistry
from stocksync.alerting.failure_notice import FailureNotifier
from stocksync.bootstrap import Bootstrap
from stocksync.entrypoints import channels
from stocksync.errors import BadSetting
from stocksync.settings import Settings

PRODUCT_DB = "product_db"
STOCK_REDIS = "stock_redis"
STOCK_KAFKA = "stock_kafka"
STOCK_SCHEMA_REGISTRY = "stock_schema_registry"

_TLS = {"ca_file": "ssl.ca.location", "cert_file": "ssl.certificate.location", "key_file": "ssl.key.location"}


def bootstrap(settings: Settings) -> Bootstrap:
    """Put the product together on Airflow's connections."""
    return Bootstrap(AirflowClients(settings), settings)


def failure_notifier() -> FailureNotifier:
    """Make what tells of red and late runs, with the settings as they are."""
    settings = Settings.load()
    return bootstrap(settings).failure_notifier(channels.slack(settings))


class AirflowClients:
    """Implements the port Clients: what a connection's extra says wins over our defaults.

    Args:
        settings: they name the schema registry
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def postgres(self) -> PostgresConnection:
        """Connect as `product_db` says.

        Airflow's hook is not asked: it leaves parts of a connection out without a word, and opens with psycopg 3, whose
        COPY is several times slower than that of psycopg2 (docs/performance.md has the figures).
        """
        opened: PostgresConnection = psycopg2.connect(**self._ledger_arguments)
        return opened

    @cached_property
    def _ledger_arguments(self) -> dict[str, Any]:
        return PostgresAddress.of(defined(PRODUCT_DB, lambda: BaseHook.get_connection(PRODUCT_DB))).arguments()

    def redis(self) -> redis.Redis:
        """Make a client as `stock_redis` says."""
        client = defined(STOCK_REDIS, RedisHook(redis_conn_id=STOCK_REDIS).get_conn)
        if not isinstance(client, redis.Redis):
            raise BadSetting(
                "connection stock_redis is a cluster; allowed: one Redis server or its failover address, "
                "because a script restores counters of many slots in one step"
            )
        return client

    def producer(self) -> Producer:
        """Make an idempotent producer as `stock_kafka` says."""
        hook = _ProducerHook(kafka_config_id=STOCK_KAFKA)
        made: Producer = defined(STOCK_KAFKA, lambda: hook.get_conn)  # `get_producer` logs what its client is called
        return made

    def consumer(self) -> Consumer:
        """Make a consumer of the group as `stock_kafka` says."""
        hook = _ConsumerHook(topics=[self._settings.topic], kafka_config_id=STOCK_KAFKA)
        made: Consumer = defined(STOCK_KAFKA, lambda: hook.get_conn)
        return made

    def registry(self) -> SchemaRegistry | None:
        """Make a client of STOCK_SYNC_SCHEMA_REGISTRY_URL; who we are is in `stock_schema_registry`, or in the URL.

        The connection is optional: login and password, and in the extra `ca_file`, `cert_file` and `key_file` for
        https.
        """
        url = self._settings.schema_registry_url
        if url is None:
            return None
        port, path = f":{url.port}" if url.port else "", (url.path or "").rstrip("/")
        # Without credentials: the client logs and raises what it is given.
        host = f"{url.scheme}://{url.host}{port}{path}"
        config: dict[str, Any] = {**schema_registry.DEFAULTS, "url": host}
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


class _ProducerHook(KafkaProducerHook):
    def _get_client(self, config: dict[str, Any]) -> Producer:
        return Producer({**kafka.DEFAULTS, **config})


class _ConsumerHook(KafkaConsumerHook):
    """The connection's consumer, with the settings that delivery depends on."""

    def _get_client(self, config: dict[str, Any]) -> Consumer:
        return Consumer({"error_cb": error_callback, **config, **kafka_source.CONSUMER})


def defined(conn_id: str, get: Any) -> Any:  # noqa: ANN401 - whatever the hook gives
    """Get something from a hook, or say which connection is missing or malformed."""
    try:
        return get()
    except AirflowNotFoundException as error:
        raise BadSetting(
            f"connection {conn_id} is not defined; allowed: an Airflow connection, for example in "
            f"AIRFLOW_CONN_{conn_id.upper()}"
        ) from error
    except (ValueError, json.JSONDecodeError) as error:
        raise BadSetting(f"connection {conn_id} cannot be used: {error}") from error
