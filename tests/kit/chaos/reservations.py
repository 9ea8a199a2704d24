"""A shop of reservations at work: the counter goes down when an order is placed, the ledger when it is paid.

An order is an entry of an index and a key that expires. It is paid, cancelled, left to expire, paid late, or the shop
crashes between deleting its key and writing the ledger; then a payment that comes in, or the sweeper, ends it. The
entry of a paid order stays behind until the sweeper takes it away.
"""

import heapq
import math
import random
import time
import uuid
from contextlib import closing, suppress

import psycopg2
import redis

from tests.kit.chaos.attempts import PROCESSES, warm_up
from tests.kit.chaos.orders import ShopProcesses

INDEX = "stock:reservation-expiry-index"
HOLDS = {
    "holds_index": INDEX,
    "holds_entry": "(?P<order>[0-9a-f-]{36}):(?P<product>[A-Z0-9]+):(?P<quantity>[0-9]+)$",
    "holds_key": "stock:reservation:{order}:{product}",
}
KRYO = b"\x03\x01\xc8"
FATES = {"paid": 50, "cancelled": 15, "expired": 15, "paid late": 10, "crashed and paid": 5, "crashed and expired": 5}
SOON, LATER = 0.3, 1.2
"""Seconds until an order's fate, and from there until the sweeper comes: most products have something on hold."""
RESERVE = """
if tonumber(redis.call('GET', KEYS[1]) or 0) < tonumber(ARGV[1]) then return 0 end
redis.call('DECRBY', KEYS[1], ARGV[1])
return 1
"""


def write_hold(client, order, product, units):
    """Note an open order: the key, then the entry."""
    key, entry = _names(order, product, units)
    client.set(key, b"\x01\x00kryo", ex=900)
    client.zadd(INDEX, {entry: time.time() + 900})


def _names(order, product, units):
    return f"stock:reservation:{order}:{product}", KRYO + f"{order}:{product}:{units}".encode()


class Reservations(ShopProcesses):
    """Processes that place orders and bring each to its end, as a context manager; each product belongs to one."""

    def __init__(self, shop, redis_uri, products, *, orders, count=2, seed=0):
        warm_up()
        self._oldest = [PROCESSES.Value("d", math.inf) for _ in range(count)]
        self._stop = PROCESSES.Event()
        self._processes = [
            PROCESSES.Process(
                target=_work,
                args=(shop.dsn, redis_uri, products[n::count], orders // count, self._oldest[n], self._stop, seed + n),
            )
            for n in range(count)
        ]


def _work(dsn, redis_uri, products, orders, oldest, stop, seed):
    with redis.Redis.from_url(redis_uri) as client, closing(psycopg2.connect(dsn)) as ledger, ledger.cursor() as cursor:
        ledger.autocommit = True
        clerk = _Clerk(client, cursor, random.Random(seed))
        while (clerk.placed < orders or clerk.agenda) and not stop.is_set():
            oldest.value = time.monotonic()
            if clerk.placed < orders:
                clerk.place(products)
            clerk.do_what_is_due()
            oldest.value = math.inf
            time.sleep(0.0005)


class _Clerk:
    """Places orders, and notes in an agenda what becomes of each: a generator that yields seconds to wait."""

    def __init__(self, client, cursor, rng):
        self.client, self.cursor, self.rng = client, cursor, rng
        self.reserve = client.register_script(RESERVE)
        self.agenda, self.placed = [], 0

    def place(self, products):
        self.placed += 1
        product, units = self.rng.choice(products), self.rng.randint(1, 3)
        if self.reserve(keys=[f"stock:{product}"], args=[units]):
            order = str(uuid.UUID(int=self.rng.getrandbits(128)))
            write_hold(self.client, order, product, units)
            [fate] = self.rng.choices(list(FATES), FATES.values())
            self._continue(self._life(fate, order, product, units))

    def do_what_is_due(self):
        while self.agenda and self.agenda[0][0] <= time.monotonic():
            self._continue(heapq.heappop(self.agenda)[2])

    def _continue(self, life):
        with suppress(StopIteration):
            wait = next(life)
            heapq.heappush(self.agenda, (time.monotonic() + wait, id(life), life))

    def _life(self, fate, order, product, units):
        key, entry = _names(order, product, units)
        yield self.rng.uniform(0, SOON)
        if fate == "cancelled":
            self.client.incrby(f"stock:{product}", units)
            self.client.delete(key)
            self.client.zrem(INDEX, entry)
            return
        self.client.delete(key)  # paid, expired, or deleted by a shop that is about to crash: it looks the same
        if fate == "paid":
            yield self.rng.uniform(0, SOON)
            self._book(product, units)
            yield self.rng.uniform(0, LATER)
        else:
            yield self.rng.uniform(0, LATER)
            if fate in {"expired", "crashed and expired"}:
                self.client.incrby(f"stock:{product}", units)
            else:
                self._book(product, units)
        self.client.zrem(INDEX, entry)

    def _book(self, product, units):
        self.cursor.execute("UPDATE products SET stock = stock - %s WHERE id = %s", (units, product))
