"""A shop that sells all the time, and stops only for the seconds in which one of its stores is restarted."""

import heapq
import random
import threading
import time
from collections import Counter
from contextlib import closing, contextmanager

import psycopg2

from tests.kit.chaos.orders import BOOK, SELL

LAG = 1.5
"""The longest way of an order to the ledger, in seconds: less than the settling time."""
PAUSE = 0.05


class Sales:
    """A thread that sells, as a context manager; its error is raised when the block is left."""

    def __init__(self, shop, products, seed):
        self.orders = 0
        self._shop, self._products = shop, products
        self._random = random.Random(seed)
        self._stop, self._open = threading.Event(), threading.Lock()
        self._error = None
        self._thread = threading.Thread(target=self._run, name="sales")

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        if self._error is not None:
            raise self._error

    @contextmanager
    def closed(self):
        """No order is on its way inside the block."""
        with self._open:
            yield

    def _run(self):
        try:
            while not self._stop.is_set():
                with self._open:
                    self._sell_for(LAG * 4)
        except Exception as error:  # noqa: BLE001 - raised where the block is left
            self._error = error

    def _sell_for(self, seconds):
        """Sell for a while on connections of its own, and book everything."""
        closing_time = time.monotonic() + seconds
        on_the_way = []
        with closing(psycopg2.connect(self._shop.dsn)) as ledger, ledger.cursor() as cursor:
            ledger.autocommit = True
            sell = self._shop.cache.register_script(SELL)
            while time.monotonic() < closing_time and not self._stop.is_set():
                product, pieces = self._random.choice(self._products), self._random.randint(1, 3)
                if sell(keys=[self._shop.prefix + product], args=[pieces]):
                    heapq.heappush(on_the_way, (time.monotonic() + self._random.uniform(0, LAG), product, pieces))
                    self.orders += 1
                self._book(cursor, on_the_way, time.monotonic())
                self._stop.wait(PAUSE * self._random.random())
            while on_the_way:
                time.sleep(max(0, on_the_way[0][0] - time.monotonic()))
                self._book(cursor, on_the_way, time.monotonic())

    @staticmethod
    def _book(cursor, on_the_way, until):
        due = Counter()
        while on_the_way and on_the_way[0][0] <= until:
            _, product, pieces = heapq.heappop(on_the_way)
            due[product] += pieces
        if due:
            cursor.execute(BOOK, (list(due), list(due.values())))
