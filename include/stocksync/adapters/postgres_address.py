"""From the parts of a connection to what libpq is given: every part is honoured or refused by name."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import psycopg2
from psycopg2.extensions import make_dsn

from stocksync.errors import BadSetting

_TYPES = ("postgres", "postgresql")
# Where a machine disappears without a word, nobody waits for longer than about a minute.
_DEFAULTS = {
    "application_name": "stock-sync",
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
_UTF8 = {"client_encoding": "UTF8"}
_NAMES = {"dbname": "schema", "user": "login", "host": "host", "port": "port", "password": "password"}
"""What libpq calls a field, and what Airflow does."""


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """A connection as Airflow holds it.

    Attributes:
        conn_type: Airflow's connection type
        fields: libpq's names to the fields' values; what is not given is libpq's own choice
        extra: the extra's JSON as text; empty: none
        conn_id: its name
    """

    conn_type: str
    fields: Mapping[str, str | int | None] = field(repr=False)
    extra: str = field(default="", repr=False)
    conn_id: str = "product_db"

    @classmethod
    def of(cls, connection: Any) -> Self:  # noqa: ANN401 - Airflow's Connection
        """Take an Airflow connection apart."""
        fields = {libpq: getattr(connection, airflow) for libpq, airflow in _NAMES.items()}
        return cls(connection.conn_type or "", fields, connection.extra or "", connection.conn_id)

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of psycopg2.connect; what the extra says wins over our defaults.

        Raises:
            BadSetting: a part of the connection would be ignored, or contradicts another
        """
        if self.conn_type not in _TYPES:
            raise BadSetting(f"connection {self.conn_id} is of type {self.conn_type!r}; allowed: {', '.join(_TYPES)}")
        fields = {name: value for name, value in self.fields.items() if value not in {None, ""}}
        options = self._options()
        for name, value in options.items():
            if str(fields.get(name, value)) != str(value):
                raise BadSetting(
                    f"connection {self.conn_id}: extra {name!r} contradicts `{_NAMES[name]}`; allowed: one of the two"
                )
        return {**_DEFAULTS, **fields, **options, **_UTF8}

    def _options(self) -> dict[str, Any]:
        """Read the extra, whose entries are options of libpq."""
        try:
            extra = json.loads(self.extra or "{}")
        except ValueError:
            raise BadSetting(f"connection {self.conn_id}: its extra is not JSON; allowed: a JSON object") from None
        if not isinstance(extra, dict):
            raise BadSetting(
                f"connection {self.conn_id}: its extra is no JSON object; allowed: an object of libpq's options"
            )
        extra = {name: value for name, value in extra.items() if value is not None}
        strange = [name for name, value in extra.items() if not _is_option(name, value)]
        if strange:
            raise BadSetting(
                f"connection {self.conn_id}: extra {', '.join(map(repr, strange))} would have no effect; allowed: "
                "libpq's connection options with text or numbers, such as sslmode, sslrootcert, connect_timeout, "
                "options"
            )
        encoding = str(extra.get("client_encoding", "UTF8"))
        if encoding.upper().replace("-", "") not in {"UTF8", "UNICODE"}:
            raise BadSetting(f"connection {self.conn_id}: extra 'client_encoding' is {encoding!r}; allowed: UTF8")
        return extra


def _is_option(name: str, value: object) -> bool:
    if not isinstance(value, str | int | float):
        return False
    if name in {"dsn", "database"}:  # psycopg2's own words
        return False
    try:
        make_dsn(**{name: "1"})
    except (psycopg2.ProgrammingError, TypeError):
        return False
    return True
