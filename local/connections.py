"""Airflow connections in environment variables: those that are set already, and those the stack adds."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

import psycopg2
import redis
from psycopg2.extensions import connection as PostgresConnection  # noqa: N812 - it is a class

PRODUCT_DB = "AIRFLOW_CONN_PRODUCT_DB"
STOCK_OPS = "AIRFLOW_CONN_STOCK_OPS"
STOCK_REDIS = "AIRFLOW_CONN_STOCK_REDIS"
STOCK_KAFKA = "AIRFLOW_CONN_STOCK_KAFKA"
STOCK_SLACK = "AIRFLOW_CONN_STOCK_SLACK"
STOCK_PAGERDUTY = "AIRFLOW_CONN_STOCK_PAGERDUTY"


@dataclass(frozen=True)
class Names:
    """What things are called, from the same settings the product reads."""

    table: str = "products"
    id_column: str = "id"
    stock_column: str = "stock"
    key_prefix: str = "stock:"
    topic: str = "stock.sync.alert"
    dlq_topic: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read the settings that name places; an empty one counts as not set."""
        chosen = {
            "table": environment.get("STOCK_SYNC_PRODUCTS_TABLE"),
            "id_column": environment.get("STOCK_SYNC_ID_COLUMN"),
            "stock_column": environment.get("STOCK_SYNC_STOCK_COLUMN"),
            "key_prefix": environment.get("STOCK_SYNC_KEY_PREFIX"),
            "topic": environment.get("STOCK_SYNC_TOPIC"),
            "dlq_topic": environment.get("STOCK_SYNC_DLQ_TOPIC"),
        }
        return cls(**{name: value for name, value in chosen.items() if value})

    @property
    def dead_letters(self) -> str:
        """The topic of the messages nobody can read."""
        return self.dlq_topic or f"{self.topic}.dlq"


def given(name: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return a connection somebody has set, None if there is none."""
    return environment.get(name) or None


@dataclass(frozen=True)
class Connection:
    """An Airflow connection, read from its variable's text: a URI or JSON."""

    host: str = ""
    port: int | None = None
    login: str | None = None
    password: str | None = None
    schema: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)
    tls: bool = False

    @classmethod
    def parse(cls, name: str, text: str) -> Self:
        """Read either form; ValueError names the variable, but never shows what may hold a password."""
        try:
            return cls._from_json(json.loads(text)) if text.lstrip().startswith("{") else cls._from_uri(text)
        except (ValueError, TypeError, AttributeError):
            raise ValueError(
                f"{name} is neither a connection URI nor connection JSON: correct it or unset it"
            ) from None

    @classmethod
    def _from_json(cls, raw: Mapping[str, Any]) -> Self:
        extra = raw.get("extra") or {}
        return cls(
            host=raw.get("host") or "",
            port=int(raw["port"]) if raw.get("port") else None,
            login=raw.get("login"),
            password=raw.get("password"),
            schema=raw.get("schema") or "",
            extra=dict(json.loads(extra) if isinstance(extra, str) else extra),
            tls=raw.get("conn_type") == "rediss",
        )

    @classmethod
    def _from_uri(cls, text: str) -> Self:
        uri = urlsplit(text)
        if not uri.scheme:
            raise ValueError(text)
        query = dict(parse_qsl(uri.query, keep_blank_values=True))
        return cls(
            host=unquote(uri.hostname or ""),
            port=uri.port,
            login=unquote(uri.username) if uri.username else None,
            password=unquote(uri.password) if uri.password else None,
            schema=unquote(uri.path.lstrip("/")),
            extra=dict(json.loads(query["__extra__"])) if "__extra__" in query else query,
            tls=uri.scheme == "rediss",
        )

    def postgres(self) -> PostgresConnection:
        """Open it as PostgreSQL."""
        extra = {name: value for name, value in self.extra.items() if name.startswith(("ssl", "options"))}
        opened: PostgresConnection = psycopg2.connect(
            host=self.host or None,
            port=self.port,
            user=self.login,
            password=self.password,
            dbname=self.schema or None,
            connect_timeout=10,
            **extra,
        )
        return opened

    def redis(self) -> redis.Redis:
        """Open it as Redis; values are bytes, as they are."""
        extra = {name: value for name, value in self.extra.items() if name.startswith("ssl")}
        if self.tls:
            extra["ssl"] = True
        return redis.Redis(
            host=self.host,
            port=self.port or 6379,
            db=int(self.schema or self.extra.get("db") or 0),
            username=self.login,
            password=self.password,
            socket_connect_timeout=10,
            **extra,
        )

    def kafka(self) -> dict[str, Any]:
        """Return what a Kafka client is made with."""
        return {name: value for name, value in self.extra.items() if name != "group.id"}
