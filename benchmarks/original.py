"""The original's algorithm: `findAll(PageRequest)`, then one GET a product, as both of its readings have it.

As it is written, `findAll` with a page request reads whole rows, in no order, by OFFSET, and counts the table for every
page: the page it returns knows how many there are (Spring Data's `Page`). As it may have been meant, pages are in the
order of the ids, or they would neither be whole nor disjoint, and nothing is counted (a `Slice`).
"""

import time

import psycopg2
import redis

from benchmarks.catalogue import PREFIX

_PAGE = 1000


READINGS = ("as written", "as meant")


def seconds_for_all(  # noqa: PLR0913, PLR0917 - what it reads, and how
    dsn: str, redis_uri: str, table: str, size: int, reading: str, pages: int = 10
) -> float:
    """Seconds for the whole table by one of READINGS, from a sample of pages spread evenly over it.

    Early pages are cheap and late ones dear, because OFFSET reads everything it skips.
    """
    as_written = reading == READINGS[0]
    order = "" if as_written else "ORDER BY id "
    every = max(1, size // _PAGE // pages)
    numbers = range(every // 2, max(1, size // _PAGE), every)
    connection = psycopg2.connect(dsn)
    spent = 0.0
    with connection.cursor() as cursor, redis.Redis.from_url(redis_uri) as client:
        for number in numbers:
            begun = time.perf_counter()
            cursor.execute(f'SELECT id, stock, name FROM "{table}" {order}OFFSET %s LIMIT %s', [number * _PAGE, _PAGE])
            products = cursor.fetchall()
            if as_written:
                cursor.execute(f'SELECT count(*) FROM "{table}"')
            for product_id, stock, _ in products:
                if int(client.get(f"{PREFIX}{product_id}") or 0) != stock:
                    raise RuntimeError(f"{product_id} differs, and none should")
            spent += time.perf_counter() - begun
    connection.close()
    return spent / len(numbers) * max(1, size // _PAGE)
