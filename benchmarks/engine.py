"""The engine alone, one range over the whole table, in a process of its own: `python -m benchmarks.engine JSON`."""

import json
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import redis
from confluent_kafka import Consumer

from benchmarks.catalogue import HOLDS, PREFIX
from stocksync.adapters.kafka import IdempotentProducer
from stocksync.bootstrap import Bootstrap
from stocksync.model.id_range import IdRange
from stocksync.model.plan import RunPlan
from stocksync.model.progress import Progress
from stocksync.settings import Settings

SETTLE = timedelta(seconds=2)


class _Clients:
    """Implements the port Clients of bootstrap on the servers a job names."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._job = job

    def postgres(self) -> psycopg2.extensions.connection:
        return psycopg2.connect(self._job["dsn"])

    def redis(self) -> redis.Redis:
        return redis.Redis.from_url(self._job["redis"])

    def producer(self) -> IdempotentProducer:
        return IdempotentProducer({"bootstrap.servers": self._job["kafka"]})

    def consumer(self) -> Consumer:
        raise NotImplementedError("the engine reads no topic")

    def operations(self) -> None:
        """No history is kept."""

    def registry(self) -> None:
        return None


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
    settings = Settings(
        products_table=job["table"],
        key_prefix=PREFIX,
        topic=job["topic"],
        settle_seconds=SETTLE.total_seconds(),
        **(HOLDS if job["holds"] else {}),
    )
    reconciler = Bootstrap(_Clients(job), settings).reconciler(plan, everything, _Journal())
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


def _peak_mb() -> float:
    """The largest resident size since this program began; getrusage would count whoever started it."""
    [kilobytes] = [line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line]
    return int(kilobytes) / 1024


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(json.loads(sys.argv[1]))) + "\n")
