"""Large catalogues, made inside the servers: a million products take seconds to load."""

from dataclasses import dataclass

import redis
from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

PREFIX = "stock:"
HOLDS = {
    "holds_index": "holds",
    "holds_entry": "(?P<order>[0-9]+):(?P<product>.+):(?P<quantity>[0-9]+)$",
    "holds_key": "hold:{order}:{product}",
}
"""How the holds of a catalogue are written."""
_AT_ONCE = 100_000

# One number makes one id, the same in SQL and in Lua.
_IDS = {
    "text": ("'PRD-' || lpad(n::text, 9, '0')", "string.format('PRD-%09d', n)"),
    "bigint": ("n::bigint * 7919", "string.format('%.0f', n * 7919)"),
    "uuid": (
        "('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid",
        "string.format('00000000-0000-4000-8000-%012d', n)",
    ),
}


@dataclass(frozen=True)
class Catalogue:
    """A table of a number of products, and a counter for each.

    Attributes:
        size: products
        id_type: text, uuid or bigint
        off_every: every so many products differ by 3 (1: all of them, 0: none)
        held_every: every so many products have an open order of 2 (0: none)
    """

    size: int
    id_type: str = "text"
    off_every: int = 0
    held_every: int = 0

    @property
    def table(self) -> str:
        """What the table is called; one table serves every share of differences."""
        return f"products_{self.id_type}_{self.size}"

    def load(self, ledger: Connection, cache: redis.Redis) -> None:
        """Fill both stores; whatever Redis held before is gone."""
        in_sql, in_lua = _IDS[self.id_type]
        with ledger.cursor() as cursor:
            cursor.execute(
                sql.SQL(
                    "CREATE TABLE IF NOT EXISTS {table} (id {type} PRIMARY KEY, stock int NOT NULL, name text NOT NULL)"
                ).format(table=sql.Identifier(self.table), type=sql.SQL(self.id_type))
            )
            cursor.execute(
                sql.SQL(
                    "INSERT INTO {table} SELECT {id}, 10 + n % 1000, 'product' FROM generate_series(1, {size}) n "
                    "ON CONFLICT DO NOTHING"
                ).format(table=sql.Identifier(self.table), id=sql.SQL(in_sql), size=sql.Literal(self.size))
            )
            cursor.execute(sql.SQL("VACUUM ANALYZE {}").format(sql.Identifier(self.table)))
        cache.flushall()
        fill = cache.register_script(
            f"""local every, held = tonumber(ARGV[3]), tonumber(ARGV[4])
            for n = tonumber(ARGV[1]), tonumber(ARGV[2]) do
                local id = {in_lua}
                local off = (every > 0 and n % every == 0) and 3 or 0
                if held > 0 and n % held == 0 then
                    off = off + 2
                    redis.call('ZADD', 'holds', n, string.format('%d:%s:2', n, id))
                    redis.call('SET', string.format('hold:%d:%s', n, id), '')
                end
                redis.call('SET', '{PREFIX}' .. id, string.format('%d', 10 + n % 1000 - off))
            end"""
        )
        for first in range(1, self.size + 1, _AT_ONCE):
            fill(args=[first, min(self.size, first + _AT_ONCE - 1), self.off_every, self.held_every])
