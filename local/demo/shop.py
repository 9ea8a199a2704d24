"""The shop's two stores: put a catalogue into them, and look at what they hold."""

import io
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice
from typing import Self, TypeVar

import redis
from psycopg2 import sql

from local.connections import PRODUCT_DB, STOCK_REDIS, Connection, Names
from local.demo.catalogue import Counter, DemoCatalogue, Product
from local.stack import Stack

AT_ONCE = 1000
OWN_KEYS = "sync:stock:*"
Item = TypeVar("Item")


class Occupied(RuntimeError):
    """There is something already where the demo data should go, and it is not ours to overwrite."""


class DemoShop:
    """The ledger in PostgreSQL and the cache in Redis.

    Args:
        ledger: where the table is, or goes.
        cache: where the counters are, or go.
        names: what table, columns and keys are called.
    """

    def __init__(self, ledger: Connection, cache: Connection, names: Names) -> None:
        self._ledger = ledger
        self._cache = cache
        self._names = names
        self._table = sql.Identifier(*names.table.split("."))

    @classmethod
    def of(cls, stack: Stack) -> Self:
        """Return the shop of a stack, whoever's its services are."""
        return cls(stack.connection(PRODUCT_DB), stack.connection(STOCK_REDIS), stack.names)

    def load(self, catalogue: DemoCatalogue) -> None:
        """Put a catalogue in; raise Occupied, before anything is written, if the places are not empty."""
        self._insist_on_room()
        self._load_ledger(catalogue.products)
        self._load_cache(catalogue.products)

    def counters(self) -> dict[str, Counter]:
        """Return what the cache holds now, by product id."""
        with self._cache.redis() as client:
            keys = self._keys(client)
            return {
                key.removeprefix(self._names.key_prefix): counter
                for part in _parts(keys)
                for key, counter in zip(part, self._read(client, part), strict=True)
            }

    def other_keys(self) -> list[str]:
        """Name the keys of the product's own that are left in Redis: locks, outboxes, what people were told."""
        with self._cache.redis() as client:
            return sorted(key.decode() for key in client.scan_iter(match=OWN_KEYS, count=AT_ONCE))

    def remove(self) -> None:
        """Take out what `load` put in, and what a night left: there was nothing of either before."""
        with closing(self._ledger.postgres()) as session, session, session.cursor() as cursor:
            cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(self._table))
        with self._cache.redis() as client:
            for part in _parts([*self._keys(client), *client.scan_iter(match=OWN_KEYS, count=AT_ONCE)]):
                client.delete(*part)

    def _insist_on_room(self) -> None:
        names = self._names
        with closing(self._ledger.postgres()) as session, session, session.cursor() as cursor:
            cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [self._table.as_string(session)])
            if cursor.fetchone() == (True,):
                raise Occupied(
                    f"table {names.table} exists already in AIRFLOW_CONN_PRODUCT_DB and is left alone: unset the "
                    "connection, or name a table that does not exist in STOCK_SYNC_PRODUCTS_TABLE"
                )
        with self._cache.redis() as client:
            if next(iter(client.scan_iter(match=f"{names.key_prefix}*", count=AT_ONCE)), None) is not None:
                raise Occupied(
                    f"keys {names.key_prefix}* exist already in AIRFLOW_CONN_STOCK_REDIS and are left alone: unset "
                    "the connection, or name a prefix that is not in use in STOCK_SYNC_KEY_PREFIX"
                )
            if next(iter(client.scan_iter(match=OWN_KEYS, count=AT_ONCE)), None) is not None:
                raise Occupied(
                    f"keys {OWN_KEYS} exist already in AIRFLOW_CONN_STOCK_REDIS, where another stock-sync keeps its "
                    "locks and what it has told people: unset the connection, or name another database of that Redis"
                )

    def _load_ledger(self, products: Iterable[Product]) -> None:
        columns = {"id": sql.Identifier(self._names.id_column), "stock": sql.Identifier(self._names.stock_column)}
        definition = (
            "CREATE TABLE {table} ({id} text PRIMARY KEY, name text NOT NULL, {stock} integer NOT NULL, "
            "updated_at timestamptz NOT NULL DEFAULT now())"
        )
        rows = io.StringIO("".join(f"{product.id}\t{product.name}\t{product.stock}\n" for product in products))
        with closing(self._ledger.postgres()) as session, session, session.cursor() as cursor:
            cursor.execute(sql.SQL(definition).format(table=self._table, **columns))
            copy = sql.SQL("COPY {table} ({id}, name, {stock}) FROM STDIN").format(table=self._table, **columns)
            cursor.copy_expert(copy.as_string(session), rows)
            cursor.execute(sql.SQL("ANALYZE {}").format(self._table))

    def _load_cache(self, products: Iterable[Product]) -> None:
        with self._cache.redis() as client, client.pipeline(transaction=False) as pipe:
            for part in _parts(products):
                for product in part:
                    key, counter = self._names.key_prefix + product.id, product.counter
                    if counter is not None and isinstance(counter.value, tuple):
                        pipe.rpush(key, *counter.value)
                    elif counter is not None:
                        pipe.set(key, counter.value, ex=counter.ttl)
                pipe.execute()

    def _keys(self, client: redis.Redis) -> list[str]:
        return [key.decode() for key in client.scan_iter(match=f"{self._names.key_prefix}*", count=AT_ONCE)]

    @staticmethod
    def _read(client: redis.Redis, keys: Iterable[str]) -> Iterator[Counter]:
        keys = list(keys)
        pipe = client.pipeline(transaction=False)
        for key in keys:
            pipe.type(key)
            pipe.ttl(key)
        facts = pipe.execute()
        for key, kind in zip(keys, facts[::2], strict=True):
            if kind == b"list":
                pipe.lrange(key, 0, -1)
            else:
                pipe.get(key)
        for value, ttl in zip(pipe.execute(), facts[1::2], strict=True):
            yield Counter(tuple(value) if isinstance(value, list) else value, ttl if ttl >= 0 else None)


def _parts(items: Iterable[Item]) -> Iterator[list[Item]]:
    rest = iter(items)
    while part := list(islice(rest, AT_ONCE)):
        yield part
