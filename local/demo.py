"""`make demo`: one night from start to end on embedded services, held against what the data should give."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from local.airflow import Airflow
from local.alerts import AlertReader, Received
from local.catalogue import Catalogue, Counter
from local.checks import Check, check_alerts, check_cache, check_summary
from local.connections import STOCK_KAFKA
from local.expectation import Expectation, expect
from local.night import run_tonight
from local.progress import Steps
from local.run_folder import RunFolder
from local.show import show_alerts, show_checks, show_summary
from local.stack import Stack

RESULTS = Path(__file__).resolve().parent.parent / "build" / "demo"
# Settings that say where things are or how people are spoken to; every other one would change what is expected.
HONOURED = {"PRODUCTS_TABLE", "ID_COLUMN", "STOCK_COLUMN", "KEY_PREFIX", "TOPIC", "SCHEMA_REGISTRY_URL"} | {
    "LOCALE",
    "SLACK_CHANNEL",
    "SLACK_MENTION",
}
# The summary's fields in the order a person reads them.
FIELDS = (
    *("date", "run_id", "run_type", "dry_run", "status", "started_at", "finished_at", "duration_seconds"),
    *("total", "matched", "restored", "manual_review", "changed", "invalid", "unprocessed", "by_severity"),
    *("mean_discrepancy", "max_discrepancy", "max_discrepancy_product", "top", "missing_keys"),
)


@dataclass(frozen=True)
class Night:
    """What a night left behind.

    Attributes:
        summary: the run summary.
        received: every message of the topic.
        counters: what the cache holds afterwards.
        leftovers: the product's own keys in Redis.
    """

    summary: dict[str, Any]
    received: list[Received]
    counters: dict[str, Counter]
    leftovers: list[str]


def demo(console: Console) -> int:
    """Run the demo; return 0 if the night did what the data says, 1 if not."""
    begun = time.monotonic()
    catalogue = Catalogue.from_seed()
    expected = expect(catalogue.products)
    for stale in RESULTS.glob("*"):
        stale.unlink()
    with RunFolder("demo") as run, Steps(console) as steps, Stack(run, steps) as stack:
        with _stocked(stack, catalogue, steps):
            airflow = stack.start_airflow(settings=_usual_settings(), without=["triggerer"])
            night = _pass_night(stack, airflow, expected, steps)
        with steps.step("everything taken down"):
            stack.close()
    events = [each.event for each in night.received]
    _write(night.summary, events, expected)
    checks = [
        *check_summary(night.summary, expected),
        *check_alerts(night.received, expected),
        *check_cache({each.id: each.counter for each in catalogue.products}, night.counters, expected, night.leftovers),
    ]
    console.print()
    show_summary(console, night.summary)
    show_alerts(console, events, {product.id: product for product in catalogue.products})
    show_checks(console, checks)
    return _conclude(console, checks, time.monotonic() - begun)


@contextmanager
def _stocked(stack: Stack, catalogue: Catalogue, steps: Steps) -> Iterator[None]:
    """Have the catalogue in both stores; take it out again if they are somebody's own."""
    with steps.step("catalogue") as step:
        stack.shop.load(catalogue)
        step.note(f"{len(catalogue.products):,} products")
    try:
        yield
    finally:
        if not stack.embeds_shop:
            stack.shop.remove()


def _usual_settings() -> dict[str, str]:
    """Blank what would change the outcome; a blank setting has its default."""
    prefix = "STOCK_SYNC_"
    return {name: "" for name in os.environ if name.startswith(prefix) and name.removeprefix(prefix) not in HONOURED}


def _pass_night(stack: Stack, airflow: Airflow, expected: Expectation, steps: Steps) -> Night:
    reader = AlertReader(stack.connection(STOCK_KAFKA).kafka(), stack.names.topic)
    summary = run_tonight(airflow, steps)
    with steps.step("results") as step:
        received = reader.read(at_least=len(expected.alerts))
        step.note(f"{len(received):,} events read from {stack.names.topic}")
        return Night(summary, received, stack.shop.counters(), stack.shop.other_keys())


def _write(summary: dict[str, Any], events: list[dict[str, Any]], expected: Expectation) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    summary = {name: summary[name] for name in sorted(summary, key=_place)}  # XCom forgets the order of keys
    for name, content in (("summary", summary), ("expected", expected.to_dict())):
        (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    lines = (json.dumps(event, ensure_ascii=False) for event in events)
    (RESULTS / "alerts.jsonl").write_text("".join(f"{line}\n" for line in lines))


def _place(name: str) -> int:
    return FIELDS.index(name) if name in FIELDS else len(FIELDS)


def _conclude(console: Console, checks: list[Check], seconds: float) -> int:
    failed = sum(not check.passed for check in checks)
    verdict = f"{failed} of {len(checks)} checks failed" if failed else f"all {len(checks)} checks passed"
    console.print(f"\n{verdict} after {seconds:.0f} s; the results are in build/demo/", highlight=False)
    return 1 if failed else 0
