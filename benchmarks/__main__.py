"""`make bench`: measure everything in one run, on the same services."""

import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console

from benchmarks import floor, original
from benchmarks.catalogue import Catalogue
from benchmarks.engine import SETTLE
from benchmarks.figures import show, write
from benchmarks.night import EMPTY, FULL, night
from local.servers.kafka import Kafka
from local.servers.postgres import Postgres
from local.servers.redis import Redis
from local.supervisor.run_folder import RunFolder

SIZES = {"10k": 10_000, "100k": 100_000, "1m": 1_000_000, "10m": 10_000_000}
DEFAULT_SIZES = "10k,100k,1m"
RUNS = 3
FOLDER = Path(__file__).parents[1] / "build" / "bench"
GOALS = {
    "compare_over_floor.text": "≤ 1.25",
    "compare_over_floor.uuid": "≤ 1.25",
    "compare_over_floor.bigint": "≤ 1.25",
    "original_over_compare.as written": "≥ 150",
    "live_over_compare": "≤ 1.3",
    "all_differ_a_second": "≥ 50,000",
    "holds_over_compare": "≤ 1.1",
    "dag_10k_over_empty": "≤ 1.3 and the settle time",
    "dag_1m_extra_seconds": "≤ 60",
    "engine_10m_seconds": "≤ 60",
    "memory_10m_over_100k": "≤ 1.1",
}


class Bench:
    """The services under measurement, and what has been measured."""

    def __init__(self, console: Console, postgres: Postgres, redis: Redis, kafka: Kafka) -> None:
        self._console = console
        self._redis = redis
        self._kafka = kafka
        self._dsn = postgres.create_database("bench")
        self._ledger = postgres.connect("bench")
        self._psql = postgres.programs / "psql"
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.peaks: dict[str, list[float]] = defaultdict(list)
        self.scale: dict[str, dict[str, float]] = defaultdict(dict)

    def compare(self, name: str, id_type: str = "text") -> None:
        """Measure the floor and the engine on an undisturbed catalogue, in turn."""
        catalogue = self._load(name, Catalogue(SIZES[name], id_type))
        for _ in range(RUNS if name != "10m" else 1):
            self._note(f"copy.{id_type}.{name}", floor.copy_to_null(self._psql, self._dsn, catalogue.table))
            self._note(f"mget.{id_type}.{name}", floor.mget_everything(self._redis.uri, self._dsn, catalogue.table))
            self._engine(f"compare.{id_type}.{name}", catalogue, write=False)
        if id_type == "text":
            size = str(catalogue.size)
            self.scale["floor: COPY + MGET"][size] = self.floor(name)
            self.scale["the engine"][size] = self.median(f"compare.text.{name}")

    def original(self, name: str) -> None:
        """Measure the original's algorithm by both readings; the catalogue is the one that was compared last."""
        catalogue = Catalogue(SIZES[name])
        for _ in range(RUNS):
            for reading in original.READINGS:
                seconds = original.seconds_for_all(self._dsn, self._redis.uri, catalogue.table, catalogue.size, reading)
                self._note(f"original {reading}.{name}", seconds)
        for reading in original.READINGS:
            line = f"the original's algorithm, {reading}"
            self.scale[line][str(catalogue.size)] = self.median(f"original {reading}.{name}")

    def write(self, what: str, name: str, off_every: int) -> None:
        """Measure restores with every event acknowledged; each run needs its differences anew."""
        catalogue = Catalogue(SIZES[name], off_every=off_every)
        for _ in range(RUNS):
            self._load(name, catalogue)
            self._engine(f"{what}.{name}", catalogue, write=True)

    def holds(self, name: str) -> None:
        """Measure the comparison where one product in a thousand has an open order, and where none has, in turn."""
        for _ in range(RUNS):
            self._engine(f"no holds.{name}", self._load(name, Catalogue(SIZES[name])), write=False)
            self._engine(f"holds.{name}", self._load(name, Catalogue(SIZES[name], held_every=1000)), write=False)

    def floor(self, name: str, id_type: str = "text") -> float:
        """COPY and MGET one after the other."""
        return self.median(f"copy.{id_type}.{name}") + self.median(f"mget.{id_type}.{name}")

    def cpu_us(self, what: str, name: str) -> float:
        """The engine's processor time for a product, in microseconds."""
        return self.median(f"{what}, processor.{name}") / SIZES[name] * 1e6

    def median(self, name: str) -> float:
        """The median of a measurement."""
        return median(self.seconds[name])

    def _load(self, name: str, catalogue: Catalogue) -> Catalogue:
        with self._redis.client() as cache:
            catalogue.load(self._ledger, cache)
        self._console.print(f"[dim]{name} {catalogue.id_type} ids, one in {catalogue.off_every or 'none'} differs[/]")
        return catalogue

    def _engine(self, what: str, catalogue: Catalogue, *, write: bool) -> None:
        topic = f"bench.{time.monotonic_ns()}"
        if write:
            self._kafka.create_topic(topic)
        job = {
            "dsn": self._dsn,
            "redis": self._redis.uri,
            "kafka": self._kafka.bootstrap_servers,
            "topic": topic,
            "table": catalogue.table,
            "write": write,
            "holds": catalogue.held_every > 0,
        }
        command = [sys.executable, "-m", "benchmarks.engine", json.dumps(job)]
        said = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
        if write:
            self._kafka.forget_topic(topic)
        result: dict[str, Any] = json.loads(said)
        if result["products"] != catalogue.size:
            raise RuntimeError(f"{what}: {result['products']} of {catalogue.size} products were compared")
        self._note(what, result["seconds"])
        kind, _, size = what.rpartition(".")
        self.seconds[f"{kind}, processor.{size}"].append(result["cpu_seconds"])
        self.peaks[what].append(result["peak_mb"])
        self.peaks[f"{what} above import"].append(result["above_import_mb"])

    def _note(self, what: str, seconds: float) -> None:
        self.seconds[what].append(seconds)
        self._console.print(f"  {what}: {seconds:.3f} s")


def measure(console: Console, sizes: list[str]) -> dict[str, Any]:
    """Measure everything and work out the ratios; what a size left out would give is None."""
    with RunFolder("bench") as run, Postgres(run) as postgres, Redis(run) as redis, Kafka(run) as kafka:
        bench = Bench(console, postgres, redis, kafka)
        for name in sizes:
            bench.compare(name)
            if name in {"10k", "100k", "1m"}:
                bench.original(name)
        if "1m" in sizes:
            bench.compare("1m", "uuid")
            bench.compare("1m", "bigint")
            bench.write("live", "1m", 667)
            bench.holds("1m")
        for name in sizes:
            if name in {"100k", "1m"}:
                bench.write("all differ", name, 1)
    scheduled = [name for name in sizes if name != "10m"]
    dag = _whole_dag(console, bench, scheduled) if scheduled else {}
    settle = SETTLE.total_seconds()
    one = "1m" in sizes

    def peak(name: str) -> float | None:
        return round(median(bench.peaks[f"compare.text.{name}"]), 1) if name in sizes else None

    ratios = {
        "compare_over_floor": {
            id_type: bench.median(f"compare.{id_type}.1m") / bench.floor("1m", id_type) if one else None
            for id_type in ("text", "uuid", "bigint")
        },
        "original_over_compare": {
            reading: bench.median(f"original {reading}.1m") / bench.median("compare.text.1m") if one else None
            for reading in original.READINGS
        },
        "live_over_compare": (bench.median("live.1m") - settle) / bench.median("compare.text.1m") if one else None,
        "holds_over_compare": bench.median("holds.1m") / bench.median("no holds.1m") if one else None,
        "all_differ_a_second": SIZES["1m"] / (bench.median("all differ.1m") - settle) if one else None,
        "all_differ_cpu_us": bench.cpu_us("all differ", "1m") if one else None,
        "all_differ_over_compare": (bench.median("all differ.100k") - settle) / bench.median("compare.text.100k")
        if "100k" in sizes
        else None,
        "dag_10k_over_empty": dag["10k"][0] / dag["10k"][1] if "10k" in dag else None,
        "dag_1m_extra_seconds": dag["1m"][0] - dag["1m"][1] if one else None,
        "engine_10m_seconds": bench.median("compare.text.10m") if "10m" in sizes else None,
        "memory_10m_over_100k": (peak("10m") or 0) / (peak("100k") or 1) if {"10m", "100k"} <= set(sizes) else None,
        "peak_rss_mb": {name: peak(name) for name in SIZES},
    }
    return {
        "ratios": ratios,
        "goals": GOALS,
        "seconds": dict(bench.seconds),
        "peak_mb": {name: [round(value, 1) for value in values] for name, values in bench.peaks.items()},
        "scale": {name: dict(points) for name, points in bench.scale.items()},
    }


def _whole_dag(console: Console, bench: Bench, sizes: list[str]) -> dict[str, tuple[float, float]]:
    """Return the medians of the full and of the empty DAG for each size."""
    found = {}
    with night(Catalogue(SIZES[sizes[0]])) as whole:
        for name in sizes:
            whole.load(Catalogue(SIZES[name]))
            for _ in range(RUNS):
                full, ranges = whole.seconds(FULL, {})
                empty, _ = whole.seconds(EMPTY, {"ranges": ranges})
                bench.seconds[f"dag.{name}"].append(full)
                bench.seconds[f"empty dag of {ranges} ranges"].append(empty)
                console.print(f"  dag.{name}: {full:.1f} s, empty of {ranges} ranges: {empty:.1f} s")
            found[name] = bench.median(f"dag.{name}"), bench.median(f"empty dag of {ranges} ranges")
            bench.scale["the whole DAG"][str(SIZES[name])] = found[name][0]
            bench.scale["an empty DAG of its shape"][str(SIZES[name])] = found[name][1]
    return found


def main() -> int:
    """Measure, print, write."""
    console = Console(width=None if sys.stdout.isatty() else 110)
    sizes = os.environ.get("BENCH_SIZES", DEFAULT_SIZES).lower().replace(" ", "").split(",")
    if unknown := [name for name in sizes if name not in SIZES]:
        console.print(f"BENCH_SIZES: {', '.join(unknown)} is no size; allowed, with commas between: {', '.join(SIZES)}")
        return 2
    begun = time.monotonic()
    results = measure(console, sizes)
    write(results, FOLDER)
    show(results, console)
    console.print(f"\n{time.monotonic() - begun:.0f} s; the results are in build/bench/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
