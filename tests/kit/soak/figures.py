"""What is read after each night, and how much of it may grow."""

from contextlib import closing, suppress

import psutil
import psycopg2

from tests.kit.soak.growth import Limit

MEGABYTE = 1024 * 1024
MEMORY = Limit("MB", total=40)
FILES = Limit("", total=15)
CONNECTIONS = Limit("", total=6)
KEYS_OF_A_RUN = Limit("", total=20, a_night=12)
"""Each run leaves what was told of it and its progress, for seven days."""
ROWS_OF_A_RUN = Limit("", total=400, a_night=250)
"""Airflow keeps its runs until somebody runs `airflow db clean`."""
FOR_EVER = Limit("", total=2)


def figures(place):
    """Read everything; return (value, limit) by name."""
    found = {}
    for name, component in place.stack.airflow.components.items():
        memory, files = _size_of(psutil.Process(component.pid))
        found[f"{name}: memory"] = memory / MEGABYTE, MEMORY
        found[f"{name}: open files"] = files, FILES
    found |= _redis(place.shop.cache)
    found["PostgreSQL, ledger: sessions"] = _one(place.shop.dsn, _SESSIONS), CONNECTIONS
    found["PostgreSQL, Airflow: sessions"] = _one(place.stack.metadata_uri, _SESSIONS), CONNECTIONS
    found["Airflow: rows"] = _rows(place.stack.metadata_uri), ROWS_OF_A_RUN
    return found


_SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
_TABLES = """
SELECT string_agg(format('SELECT count(*) FROM %I.%I', schemaname, relname), ' UNION ALL ') FROM pg_stat_user_tables
"""


def _size_of(process):
    """Memory and open files, each of the process that has most: a scheduler has now more and now fewer workers."""
    sizes = [(0, 0)]
    for each in [process, *process.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):  # a task that has just ended
            sizes.append((each.memory_full_info().pss, each.num_fds()))
    return (max(column) for column in zip(*sizes, strict=True))


def _redis(cache):
    keys = list(cache.scan_iter("sync:stock:*", count=1000))
    pipeline = cache.pipeline(transaction=False)
    for key in keys:
        pipeline.ttl(key)
    info = cache.info()
    return {
        "Redis: memory": (info["used_memory"] / MEGABYTE, MEMORY),
        "Redis: clients": (info["connected_clients"], CONNECTIONS),
        "Redis: own keys": (len(keys), KEYS_OF_A_RUN),
        "Redis: own keys that stay for ever": (pipeline.execute().count(-1), FOR_EVER),
    }


def _one(dsn, statement):
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]


def _rows(dsn):
    return _one(dsn, f"SELECT sum(count) FROM ({_one(dsn, _TABLES)}) AS counted")
