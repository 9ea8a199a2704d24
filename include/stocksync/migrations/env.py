"""What Alembic runs: every missing step in one transaction, one process at a time."""

from alembic import context
from sqlalchemy import Connection, text

_ONLY_ONE = 0x57_0C_05_11C
"""Names the advisory lock that an upgrade holds."""


def upgrade(connection: Connection) -> None:
    """Bring the schema to its latest version; killed in the middle, nothing has happened."""
    context.configure(connection=connection)
    with context.begin_transaction():
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONLY_ONE})
        context.run_migrations()


if __name__ == "env_py":  # so Alembic calls it
    upgrade(context.config.attributes["connection"])
