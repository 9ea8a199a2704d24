"""Trouble in the middle of a run: what a person does in the UI, and services that make a run wait for the test."""

import os
import signal
from collections import Counter
from contextlib import closing, contextmanager
from urllib.parse import quote

import psutil
import psycopg2

from local.servers.kafka import Kafka
from tests.kit.airflow.driver import await_that

SYNC = "stock_sync"
_GATE = 1


class Person:
    """Somebody at Airflow's UI, which does what it does over the REST API."""

    def __init__(self, api):
        self._api = api

    def clears_a_task(self, run_id, task, map_index):
        body = {"dag_run_id": run_id, "task_ids": [[task, map_index]], "dry_run": False, "only_failed": False}
        self._api.authorized("POST", f"/dags/{SYNC}/clearTaskInstances", body)

    def clears_the_run(self, run_id):
        body = {"dry_run": False, "only_failed": False}
        self._api.authorized("POST", f"/dags/{SYNC}/dagRuns/{quote(run_id)}/clear", body)

    def clears_the_failed_tasks(self, run_id):
        body = {"dag_run_id": run_id, "dry_run": False, "only_failed": True}
        self._api.authorized("POST", f"/dags/{SYNC}/clearTaskInstances", body)

    def marks_the_run_failed(self, run_id):
        self._api.authorized("PATCH", f"/dags/{SYNC}/dagRuns/{quote(run_id)}", {"state": "failed"})

    @contextmanager
    def holds_all_tasks(self):
        """No task starts inside the block."""
        slots = self._api.get("/pools/default_pool")["slots"]
        self._sets_slots(0)
        try:
            yield
        finally:
            self._sets_slots(slots)

    def _sets_slots(self, slots):
        body = {"name": "default_pool", "slots": slots}
        self._api.authorized("PATCH", "/pools/default_pool?update_mask=slots", body)


def grow_older(stack, run_id, by):
    """Let time pass for a run: Airflow counts its time limit from the start that it noted."""
    with closing(psycopg2.connect(stack.metadata_uri)) as metadata, metadata, metadata.cursor() as cursor:
        cursor.execute("UPDATE dag_run SET start_date = start_date - %s WHERE run_id = %s", [by, run_id])
        assert cursor.rowcount == 1


class Gate:
    """A ledger that does not answer for one product until the test lets it."""

    def __init__(self, shop, product_id):
        self._shop = shop
        shop.sql(
            "ALTER TABLE products RENAME TO ledger;"
            "CREATE FUNCTION answer(asked text, stock bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS "
            f"$$BEGIN IF asked = '{product_id}' THEN PERFORM pg_advisory_xact_lock_shared({_GATE}); END IF;"
            "RETURN stock; END$$;"
            "CREATE VIEW products AS SELECT id, answer(id, stock) AS stock FROM ledger"
        )
        self._keeper = psycopg2.connect(shop.dsn)
        self._keeper.cursor().execute(f"SELECT pg_advisory_lock({_GATE})")

    def waiting(self):
        """The living tasks that wait for the answer."""
        waiting = self._shop.sql(
            "SELECT client_port FROM pg_stat_activity"
            " WHERE application_name = 'stock-sync' AND wait_event_type = 'Lock' AND wait_event = 'advisory'"
        )
        ports = {port for (port,) in waiting}
        pids = {c.pid for c in psutil.net_connections("tcp") if c.laddr and c.laddr.port in ports and c.pid}
        return [psutil.Process(pid) for pid in sorted(pids)]

    def task(self, besides=()):
        """Await one task that waits, besides those that are known."""
        return await_that(lambda: [p for p in self.waiting() if p not in besides], "a task waits for the ledger")[0]

    def open(self):
        self._keeper.close()


@contextmanager
def gate_at(shop, product_id):
    """Reading this product waits until the gate is opened, or the block ends."""
    gate = Gate(shop, product_id)
    try:
        yield gate
    finally:
        gate.open()


@contextmanager
def silent_broker(stack):
    """Nobody answers on Kafka's port inside the block."""
    [broker] = [service for service in stack.services if isinstance(service, Kafka)]
    broker.process.pause()
    try:
        yield
    finally:
        broker.process.resume()


@contextmanager
def deaf_supervisor(task):
    """Nobody tells a task inside the block that Airflow has given it up: it lives on."""
    supervisor = task.parent().pid
    os.kill(supervisor, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(supervisor, signal.SIGCONT)


def has_ended(process):
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


class Writes:
    """How often each counter is written, as Redis itself tells it."""

    def __init__(self, shop):
        self._prefix = f"__keyspace@0__:{shop.prefix}"
        shop.cache.config_set("notify-keyspace-events", "KA")
        self._channel = shop.cache.pubsub()
        self._seen = Counter()

    def __enter__(self):
        self._channel.psubscribe(self._prefix + "*")
        assert self._channel.get_message(timeout=10)["type"] == "psubscribe"
        return self

    def __exit__(self, *_):
        self._channel.close()

    def __iter__(self):
        """Every (product id, times) so far, in the order of ids."""
        while message := self._channel.get_message(timeout=0.1):
            self._seen[message["channel"].decode().removeprefix(self._prefix)] += 1
        return iter(sorted(self._seen.items()))
