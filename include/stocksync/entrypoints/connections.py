"""Airflow's connections to the clients the adapters take. Opens nothing by itself but what it returns."""

import json
from datetime import UTC, datetime
from time import monotonic, sleep
from typing import Any

import psycopg2
import redis
from airflow.providers.apache.kafka.hooks.produce import KafkaProducerHook
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.providers.redis.hooks.redis import RedisHook
from airflow.sdk.exceptions import AirflowNotFoundException
from confluent_kafka import Producer
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from stocksync.adapters import kafka
from stocksync.adapters.postgres import LedgerTable, PostgresLedger
from stocksync.entrypoints import event_formats
from stocksync.errors import BadSetting
from stocksync.settings import Settings

PRODUCT_DB = "product_db"
STOCK_REDIS = "stock_redis"
STOCK_KAFKA = "stock_kafka"

_CONNECT_SECONDS = 10
_ANSWER_SECONDS = 30
_STATEMENT_MS = 10 * 60 * 1000
_POSTGRES_DEFAULTS = {
    "connect_timeout": _CONNECT_SECONDS,
    "application_name": "stock-sync",
    "options": f"-c statement_timeout={_STATEMENT_MS}",
}


class SystemClock:
    """Implements the port Clock."""

    def now(self) -> datetime:
        """Return the present."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never jump."""
        return monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        sleep(seconds)


class _LedgerHook(PostgresHook):
    """Opens with psycopg2, whose COPY is several times as fast as that of psycopg 3, the hook's own choice.

    (docs/performance.md has the figures.)
    """

    def _create_connection(self, conn_args: dict[str, Any]) -> Any:  # noqa: ANN401 - the hook's own word for either
        # An extra `cursor` of the connection is for dataframes; here rows are tuples.
        chosen = {name: value for name, value in conn_args.items() if name not in {"row_factory", "cursor_factory"}}
        return psycopg2.connect(**{**_POSTGRES_DEFAULTS, **chosen})


def ledger(settings: Settings) -> PostgresLedger:
    """Make the ledger from connection `product_db`; what its extra says wins over our defaults."""
    hook = _LedgerHook(postgres_conn_id=PRODUCT_DB)
    defined(PRODUCT_DB, lambda: hook.connection)
    source = LedgerTable(settings.products_table, settings.id_column, settings.stock_column)
    return PostgresLedger(hook.get_conn, source, settings.key_prefix)


def redis_client() -> redis.Redis:
    """Make a client from connection `stock_redis`, with the time limits the hook does not set.

    Every call this program makes may be repeated: reads, and scripts that recognize their own work.
    """
    client = defined(STOCK_REDIS, RedisHook(redis_conn_id=STOCK_REDIS).get_conn)
    if not isinstance(client, redis.Redis):
        raise BadSetting(
            "connection stock_redis is a cluster; allowed: one Redis server or its failover address, "
            "because a script restores counters of many slots in one step"
        )
    client.connection_pool.connection_kwargs.update(
        socket_connect_timeout=_CONNECT_SECONDS,
        socket_timeout=_ANSWER_SECONDS,
        socket_keepalive=True,
        retry=Retry(ExponentialBackoff(cap=2.0, base=0.1), retries=5),
    )
    client.set_retry(Retry(ExponentialBackoff(cap=2.0, base=0.1), retries=5))
    return client


class _ProducerHook(KafkaProducerHook):
    def _get_client(self, config: dict[str, Any]) -> Producer:
        return Producer({**kafka.DEFAULTS, **config})


def publisher(settings: Settings, schema_id: int | None) -> kafka.KafkaAlertPublisher:
    """Make the publisher from connection `stock_kafka`; what its extra says wins over our defaults."""
    return kafka.KafkaAlertPublisher(producer(), settings.topic, event_formats.encoder(schema_id))


def producer() -> Producer:
    """Make an idempotent producer from connection `stock_kafka`; what its extra says wins over our defaults."""
    hook = _ProducerHook(kafka_config_id=STOCK_KAFKA)
    made: Producer = defined(STOCK_KAFKA, hook.get_producer)
    return made


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
