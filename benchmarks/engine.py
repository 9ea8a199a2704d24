"""The engine alone, one range over the whole table, in a process of its own: `python -m benchmarks.engine JSON`."""

import json
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import redis
from confluent_kafka import Producer

from benchmarks.catalogue import PREFIX
from stocksync.adapters.avro import SingleObjectCodec, load_schema
from stocksync.adapters.dry_run import NoLock, NoOutbox, NoPublisher
from stocksync.adapters.kafka import DEFAULTS, KafkaAlertPublisher
from stocksync.adapters.postgres import LedgerTable, PostgresLedger
from stocksync.adapters.redis_cache import RedisStockCache
from stocksync.adapters.redis_lock import RedisRunLock
from stocksync.adapters.redis_outbox import RedisOutbox
from stocksync.model.id_range import IdRange
from stocksync.model.plan import RunPlan
from stocksync.model.policy import Rules
from stocksync.model.progress import Progress
from stocksync.reconcile.reconciler import Reconciler, Stores

SETTLE = timedelta(seconds=2)
_SCHEMA = Path(__file__).parents[1] / "schemas" / "StockSyncAlert.avsc"


class _Clock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class _Journal:
    """In memory: Airflow's state store is measured with the whole DAG."""

    def __init__(self) -> None:
        self._progress: Progress | None = None

    def load(self) -> Progress | None:
        return self._progress

    def save(self, progress: Progress) -> None:
        self._progress = progress


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Reconcile everything once; return seconds, the process's peak memory and what was found."""
    imported = _peak_mb()
    now = datetime.now(UTC)
    plan = RunPlan(
        run_id=f"bench__{now.isoformat()}",
        run_type="manual",
        date=now.date().isoformat(),
        dry_run=not job["write"],
        dry_run_reason="",
        pass_number=0,
        batch_size=1000,
        auto_restore_limit=10,
        started_at=now.isoformat(),
        stop_at=(now + timedelta(hours=1)).isoformat(),
    )
    everything = IdRange(0, 1)
    reconciler = Reconciler(_stores(job, plan, everything), plan, Rules(), key_prefix=PREFIX, settle=SETTLE)
    begun, cpu = time.perf_counter(), time.process_time()
    outcome = reconciler.run(everything)
    return {
        "seconds": time.perf_counter() - begun,
        "cpu_seconds": time.process_time() - cpu,
        "peak_mb": _peak_mb(),
        "above_import_mb": _peak_mb() - imported,
        "products": outcome.tally.products,
        "restored": outcome.tally.restored.count,
    }


def _stores(job: dict[str, Any], plan: RunPlan, everything: IdRange) -> Stores:
    client = redis.Redis.from_url(job["redis"])
    ledger = PostgresLedger(lambda: psycopg2.connect(job["dsn"]), LedgerTable(job["table"], "id", "stock"), PREFIX)
    cache, journal, clock = RedisStockCache(client, PREFIX), _Journal(), _Clock()
    if plan.dry_run:
        return Stores(ledger, cache, NoOutbox(), NoLock(), NoPublisher(), journal, clock)
    producer = Producer({**DEFAULTS, "bootstrap.servers": job["kafka"]})
    publisher = KafkaAlertPublisher(producer, job["topic"], SingleObjectCodec(load_schema(_SCHEMA)))
    outbox = RedisOutbox(client, plan.identity, plan.auto_restore_limit, everything.index, PREFIX)
    return Stores(ledger, cache, outbox, RedisRunLock(client, plan.date, plan.run_id), publisher, journal, clock)


def _peak_mb() -> float:
    """The largest resident size since this program began; getrusage would count whoever started it."""
    [kilobytes] = [line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line]
    return int(kilobytes) / 1024


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(json.loads(sys.argv[1]))) + "\n")
