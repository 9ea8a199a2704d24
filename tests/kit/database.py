"""One statement in a session of its own."""

from contextlib import closing

import psycopg2


def execute(address, statement, *values):
    """Run it and commit; return its rows, None for a statement that has none."""
    with closing(psycopg2.connect(address)) as session, session, session.cursor() as cursor:
        cursor.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else None
