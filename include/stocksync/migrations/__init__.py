"""The operations store's schema: versions, how they are applied, and who may do what.

    STOCK_OPS_OWNER=postgresql://owner:…@host/database python -m stocksync.migrations --worker NAME --page NAME

It may be run again at any time: what is there already is left as it is. The roles have to exist. `worker` is whom the
DAGs log in as: it reads and inserts, and takes away what is past its time by a function of the owner's, which leaves
the rest alone. `page` reads.
"""

from collections.abc import Callable

import psycopg2
from alembic import command
from alembic.config import Config
from psycopg2 import sql
from psycopg2.extensions import connection as PostgresConnection  # noqa: N812 - it is a class
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

_READS = "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"
_PAGE = ("GRANT CONNECT ON DATABASE {database} TO {role}", "GRANT USAGE ON SCHEMA public TO {role}", _READS)
_WORKER = (
    *_PAGE,
    "GRANT TEMPORARY ON DATABASE {database} TO {role}",  # what is filled in bulk is put down there first
    "GRANT INSERT ON ALL TABLES IN SCHEMA public TO {role}",
    "REVOKE INSERT ON alembic_version FROM {role}",
    "GRANT EXECUTE ON FUNCTION forget_history(integer, integer) TO {role}",
)


def upgrade(
    connect: Callable[[], PostgresConnection],
    *,
    worker: str | None = None,
    page: str | None = None,
    until: str = "head",
) -> str:
    """Bring the schema to its latest version and give the roles their rights; return the version.

    Args:
        connect: opens a connection of the owner
        worker: the role of the DAGs; None: the owner
        page: the role of the page; None: the owner
        until: the version to stop at; `head`: the latest

    Raises:
        psycopg2.Error, sqlalchemy.exc.SQLAlchemyError: the server refuses or does not answer; nothing has changed.
    """
    engine = create_engine("postgresql+psycopg2://", creator=connect, poolclass=NullPool)
    config = Config()
    config.set_main_option("script_location", "stocksync:migrations")
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, until)
    return _give_rights(connect(), {role: rights for role, rights in ((worker, _WORKER), (page, _PAGE)) if role})


def _give_rights(connection: PostgresConnection, rights: dict[str, tuple[str, ...]]) -> str:
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT current_database()")
            [(database,)] = cursor.fetchall()
            names = {"database": sql.Identifier(database)}
            for role, statements in rights.items():
                for statement in statements:
                    cursor.execute(sql.SQL(statement).format(**names, role=sql.Identifier(role)))
            cursor.execute("SELECT version_num FROM alembic_version")
            [(version,)] = cursor.fetchall()
            return str(version)
    finally:
        connection.close()


def connect_to(address: str) -> Callable[[], PostgresConnection]:
    """Make what opens connections to an address, a URI or libpq's keywords."""

    def connect() -> PostgresConnection:
        opened: PostgresConnection = psycopg2.connect(address, connect_timeout=10, application_name="stock-sync")
        return opened

    return connect
