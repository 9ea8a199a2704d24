"""`make demo`: one night from start to end on embedded services, held against what the data should give."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from local import PROJECT
from local.connections import STOCK_KAFKA, STOCK_PAGERDUTY, STOCK_SLACK
from local.console import Steps
from local.demo.catalogue import Counter, DemoCatalogue
from local.demo.checks import Check, check_alerts, check_cache, check_summary, check_times
from local.demo.events import AlertReader, Received
from local.demo.expectation import Expectation, expect
from local.demo.people import Manner, Told, check_pagerduty, check_report, check_slack
from local.demo.runs import BY_HAND, run_night
from local.demo.scenarios import check_scenarios
from local.demo.shop import DemoShop
from local.demo.show import (
    show_alerts,
    show_checks,
    show_pagerduty,
    show_report,
    show_slack,
    show_stories,
    show_summary,
)
from local.servers.airflow import Airflow
from local.stack import Stack
from local.supervisor.run_folder import RunFolder

RESULTS = PROJECT / "build" / "demo"
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
class Outcome:
    """What a night left behind.

    Attributes:
        summary: what `stock_sync` returned.
        report: what `stock_sync_daily_report` returned.
        received: every message of the topic.
        counters: what the cache holds afterwards.
        leftovers: the product's own keys in Redis.
        slack: what was posted; None if to somebody's own Slack.
        pagerduty: the events sent; None if to somebody's own PagerDuty.
    """

    summary: dict[str, Any]
    report: str
    received: list[Received]
    counters: dict[str, Counter]
    leftovers: list[str]
    slack: list[dict[str, Any]] | None
    pagerduty: list[dict[str, Any]] | None

    @property
    def events(self) -> list[dict[str, Any]]:
        """What the messages of the topic say."""
        return [each.event for each in self.received]


def demo(console: Console) -> int:
    """Run the demo; return 0 if the night did what the data says, 1 if not."""
    begun = time.monotonic()
    catalogue = DemoCatalogue.from_seed()
    expected = expect(catalogue.products)
    for stale in RESULTS.glob("*"):
        stale.unlink()
    with RunFolder("demo") as run, Steps(console) as steps, Stack(run, steps) as stack:
        reader = AlertReader(stack.connection(STOCK_KAFKA).kafka(), stack.names.topic)
        with _stocked(stack, catalogue, steps):
            airflow = stack.start_airflow(settings=_usual_settings() | BY_HAND, without=["triggerer"])
            night = _pass_night(stack, airflow, reader, expected, steps)
        with steps.step("everything taken down"):
            stack.close()
    _write(night, expected)
    checks = _check(night, catalogue, expected)
    console.print()
    _show(console, night, catalogue)
    show_checks(console, checks)
    return _conclude(console, checks, time.monotonic() - begun)


@contextmanager
def _stocked(stack: Stack, catalogue: DemoCatalogue, steps: Steps) -> Iterator[None]:
    """Have the catalogue in both stores; take it out again if they are somebody's own."""
    shop = DemoShop.of(stack)
    with steps.step("catalogue") as step:
        shop.load(catalogue)
        step.note(f"{len(catalogue.products):,} products")
    try:
        yield
    finally:
        if not stack.embeds_shop:
            shop.remove()


def _usual_settings() -> dict[str, str]:
    """Blank what would change the outcome; a blank setting has its default."""
    prefix = "STOCK_SYNC_"
    return {name: "" for name in os.environ if name.startswith(prefix) and name.removeprefix(prefix) not in HONOURED}


def _pass_night(stack: Stack, airflow: Airflow, reader: AlertReader, expected: Expectation, steps: Steps) -> Outcome:
    summary, report = run_night(airflow, steps)
    shop = DemoShop.of(stack)
    with steps.step("results") as step:
        received = reader.read(at_least=len(expected.alerts))
        step.note(f"{len(received):,} events read from {stack.names.topic}")
        return Outcome(
            summary=summary,
            report=report,
            received=received,
            counters=shop.counters(),
            leftovers=shop.other_keys(),
            slack=list(stack.slack.messages) if stack.slack else None,
            pagerduty=list(stack.pagerduty.events) if stack.pagerduty else None,
        )


def _check(night: Outcome, catalogue: DemoCatalogue, expected: Expectation) -> list[Check]:
    summary = night.summary
    told = Told(expected, summary, Manner.from_environment())
    return [
        *check_summary(summary, expected),
        *check_alerts(night.received, expected),
        check_times(night.received, summary),
        *check_cache({each.id: each.counter for each in catalogue.products}, night.counters, expected, night.leftovers),
        *([] if night.slack is None else check_slack(night.slack, told)),
        *([] if night.pagerduty is None else check_pagerduty(night.pagerduty, told)),
        *check_report(night.report, night.slack, told),
        *check_scenarios(catalogue.products, night.events, night.slack, night.pagerduty),
    ]


def _show(console: Console, night: Outcome, catalogue: DemoCatalogue) -> None:
    products = {product.id: product for product in catalogue.products}
    show_summary(console, night.summary)
    show_stories(console, night.events, products)
    show_alerts(console, night.events, products)
    if night.slack is not None:
        show_slack(console, night.slack)
    else:
        show_report(console, night.report)
    if night.pagerduty is not None:
        show_pagerduty(console, night.pagerduty)
    for name, stand_in in ((STOCK_SLACK, night.slack), (STOCK_PAGERDUTY, night.pagerduty)):
        if stand_in is None:
            console.print(f"{name} is set: what was sent there is to be seen there, and was not checked")


def _write(night: Outcome, expected: Expectation) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    summary = night.summary
    contents: dict[str, object] = {
        "summary": {name: summary[name] for name in sorted(summary, key=_place)},  # XCom forgets the order of keys
        "expected": expected.to_dict(),
        "slack": night.slack,
        "pagerduty": night.pagerduty,
    }
    for name, content in contents.items():
        if content is not None:
            _write_text(f"{name}.json", json.dumps(content, indent=2, ensure_ascii=False))
    _write_text("alerts.jsonl", "\n".join(json.dumps(event, ensure_ascii=False) for event in night.events))
    _write_text("report.txt", night.report)


def _write_text(name: str, text: str) -> None:
    (RESULTS / name).write_text(f"{text}\n", encoding="utf-8")


def _place(name: str) -> int:
    return FIELDS.index(name) if name in FIELDS else len(FIELDS)


def _conclude(console: Console, checks: list[Check], seconds: float) -> int:
    failed = sum(not check.passed for check in checks)
    verdict = f"{failed} of {len(checks)} checks failed" if failed else f"all {len(checks)} checks passed"
    console.print(f"\n{verdict} after {seconds:.0f} s; the results are in build/demo/", highlight=False)
    return 1 if failed else 0
