"""Airflow's connections to the native clients the product works with. Opens nothing but what it returns."""

import ssl
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any
from urllib.parse import unquote

import psycopg2
import redis
from airflow.providers.apache.kafka.hooks.base import KafkaBaseHook
from airflow.providers.apache.kafka.hooks.consume import KafkaConsumerHook
from airflow.providers.apache.kafka.hooks.produce import KafkaProducerHook
from confluent_kafka import Consumer, KafkaException
from confluent_kafka.schema_registry import SchemaRegistryClient
from psycopg2.extensions import connection as PostgresConnection  # noqa: N812 - it is a class

from stocksync.adapters import kafka_source, schema_registry
from stocksync.adapters.kafka import IdempotentProducer
from stocksync.adapters.kafka_errors import raise_for_a_person
from stocksync.adapters.postgres_address import PostgresAddress
from stocksync.adapters.redis_cluster import ClusterAddress
from stocksync.adapters.redis_sentinel import SentinelAddress
from stocksync.adapters.schema_registry import SchemaRegistry
from stocksync.alerting.failure_notice import FailureNotifier
from stocksync.bootstrap import Bootstrap
from stocksync.entrypoints import channels, connection_lookup
from stocksync.entrypoints.connection_parts import (
    STOCK_KAFKA,
    STOCK_REDIS,
    STOCK_SCHEMA_REGISTRY,
    kafka_arguments,
    understood,
    without_secrets,
)
from stocksync.entrypoints.redis_parts import redis_address
from stocksync.errors import BadSetting
from stocksync.settings import Settings

PRODUCT_DB = "product_db"
STOCK_OPS = "stock_ops"

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
        return PostgresAddress.of(connection_lookup.get(PRODUCT_DB)).arguments()

    def operations(self) -> Callable[[], PostgresConnection] | None:
        """Make what connects as `stock_ops` says, by the rules of `product_db`; None: it is not defined."""
        connection = connection_lookup.find(STOCK_OPS)
        if connection is None:
            return None
        arguments = PostgresAddress.of(connection).arguments()

        def connect() -> PostgresConnection:
            opened: PostgresConnection = psycopg2.connect(**arguments)
            return opened

        return connect

    def redis(self) -> redis.Redis | ClusterAddress | SentinelAddress:
        """Make a client as `stock_redis` says, or say where its cluster or its sentinels are."""
        address = redis_address(connection_lookup.get(STOCK_REDIS))
        _refuse_useless_files(STOCK_REDIS, address if isinstance(address, dict) else address.arguments)
        return redis.Redis(**address) if isinstance(address, dict) else address

    def producer(self) -> IdempotentProducer:
        """Make an idempotent producer as `stock_kafka` says."""
        made: IdempotentProducer = self._kafka(_ProducerHook(kafka_config_id=STOCK_KAFKA))
        return made

    def consumer(self) -> Consumer:
        """Make a consumer of the group as `stock_kafka` says."""
        made: Consumer = self._kafka(_ConsumerHook(topics=[self._settings.topic], kafka_config_id=STOCK_KAFKA))
        return made

    @staticmethod
    def _kafka(hook: KafkaBaseHook) -> Any:  # noqa: ANN401 - a client, as the hook makes it
        arguments = kafka_arguments(connection_lookup.get(STOCK_KAFKA))
        try:
            return hook.get_conn
        except (KafkaException, ValueError, TypeError) as error:
            told = error.args[0].str() if isinstance(error, KafkaException) else str(error)
            raise BadSetting(
                f"connection {STOCK_KAFKA}: {without_secrets(told, arguments)}; allowed: properties of librdkafka in "
                "the extra, for a producer that is idempotent (acks all) and a consumer"
            ) from None  # the driver's text may show a password

    def registry(self) -> SchemaRegistry | None:
        """Make a client of STOCK_SYNC_SCHEMA_REGISTRY_URL; who we are is in `stock_schema_registry`, or in the URL.

        The connection is optional: login and password, and in the extra `ca_file`, `cert_file` and `key_file` for
        https.
        """
        connection = connection_lookup.find(STOCK_SCHEMA_REGISTRY)
        parts = None if connection is None else understood(connection)
        url = self._settings.schema_registry_url
        if url is None:
            return None
        port, path = f":{url.port}" if url.port else "", (url.path or "").rstrip("/")
        # Without credentials: the client logs and raises what it is given.
        host = f"{url.scheme}://{url.host}{port}{path}"
        config: dict[str, Any] = {**schema_registry.DEFAULTS, "url": host}
        user, password = unquote(url.username or ""), unquote(url.password or "")
        if parts is not None:  # else an open registry, or credentials in the URL
            if user and (parts.login or parts.password):
                raise BadSetting(
                    f"connection {STOCK_SCHEMA_REGISTRY} has a login or password, and STOCK_SYNC_SCHEMA_REGISTRY_URL "
                    "has one too; allowed: one of them"
                )
            if parts.extra and url.scheme != "https":
                raise BadSetting(
                    f"connection {STOCK_SCHEMA_REGISTRY}: extra {next(iter(parts.extra))!r} has no effect with "
                    f"STOCK_SYNC_SCHEMA_REGISTRY_URL={host!r}; allowed: an https URL with it"
                )
            user, password = parts.login or user, parts.password or password
            config |= {_TLS[ours]: path for ours, path in parts.extra.items()}
        if password and not user:
            raise BadSetting(
                f"connection {STOCK_SCHEMA_REGISTRY} has a password and no login; allowed: both, or neither"
            )
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


def check_optional(settings: Settings) -> None:
    """Read every optional connection that is defined, in a DAG's first task, though only a later one may use it.

    Raises:
        BadSetting: one cannot be read or used.
        ConnectionsUnavailable: nobody knows whether one is defined.
    """
    channels.slack(settings)
    channels.pager()
    AirflowClients(settings).registry()
    if (kafka_connection := connection_lookup.find(STOCK_KAFKA)) is not None:  # a dry run does without
        kafka_arguments(kafka_connection)


def _refuse_useless_files(conn_id: str, arguments: Mapping[str, Any]) -> None:
    """Open the files a Redis client would open when it connects, where an error looks like a network's."""
    try:
        context = ssl.create_default_context(cafile=arguments.get("ssl_ca_certs"))
        if certificate := arguments.get("ssl_certfile"):
            context.load_cert_chain(certificate, arguments.get("ssl_keyfile"), password="")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        files = {name: value for name, value in arguments.items() if name.endswith(("certs", "file"))}
        raise BadSetting(
            f"connection {conn_id}: {files} cannot be used ({error}); allowed: extras ssl_ca_certs, ssl_certfile and "
            "ssl_keyfile naming files in PEM form, the key without a password"
        ) from error


class _ProducerHook(KafkaProducerHook):
    """The connection's producer; `get_conn` makes it without a line in the log that says nothing."""

    def _get_client(self, config: dict[str, Any]) -> IdempotentProducer:
        return IdempotentProducer(config)


class _ConsumerHook(KafkaConsumerHook):
    """The connection's consumer, with the settings that delivery depends on."""

    def _get_client(self, config: dict[str, Any]) -> Consumer:
        return Consumer({"error_cb": lambda error: raise_for_a_person([error]), **config, **kafka_source.CONSUMER})
