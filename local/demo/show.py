"""Results, and what people were told, as a person reads them."""

from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from rich import box
from rich.columns import Columns
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from local.demo.catalogue import Product
from local.demo.checks import Check
from local.standins.slack import as_read

ROWS = 20
STYLES = {"🚨": "red", "⚠️": "yellow"}
SEVERITIES = ("LOW", "MEDIUM", "HIGH", "CRITICAL")
COLOURS = {"LOW": "green", "MEDIUM": "yellow", "HIGH": "red", "CRITICAL": "bold red"}


def show_summary(console: Console, summary: Mapping[str, Any]) -> None:
    """Show the run summary."""
    table = Table(
        title=f"stock_sync of {summary['date']}: {summary['status']}", show_header=False, title_justify="left"
    )
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column(style="dim")
    total = max(summary["total"], 1)
    table.add_row("products", f"{summary['total']:,}", f"in {summary['duration_seconds']:.1f} s")
    for name, meaning in (
        ("matched", "both stores agree"),
        ("restored", "the cache was set to the ledger"),
        ("manual_review", "left to a person"),
        ("changed", "moved under our eyes, left alone"),
        ("invalid", "no stock number, left alone"),
        ("unprocessed", "left for the next run"),
    ):
        number = summary[name]
        table.add_row(name.replace("_", " "), f"{number:,}", f"{number / total:.2%}, {meaning}")
    table.add_section()
    for severity in SEVERITIES:
        table.add_row(f"[{COLOURS[severity]}]{severity}[/]", f"{summary['by_severity'][severity]:,}", "")
    table.add_row("missing keys", f"{summary['missing_keys']:,}", "count as 0")
    table.add_row("mean difference", f"{summary['mean_discrepancy']:g}", "")
    table.add_row("largest", f"{summary['max_discrepancy']:,}", str(summary["max_discrepancy_product"]))
    console.print(table)


def show_stories(console: Console, events: Sequence[Mapping[str, Any]], products: Mapping[str, Product]) -> None:
    """Show what had happened to products, and what it was taken for."""
    stories: dict[str, Tally[str]] = defaultdict(Tally)
    for event in events:
        stories[products[event["productId"]].story][event["severity"]] += 1
    table = Table(title="what had happened, and what it was taken for", title_justify="left")
    table.add_column("what had happened")
    for severity in SEVERITIES:
        table.add_column(severity, justify="right", style=COLOURS[severity])
    for story, severities in sorted(stories.items(), key=lambda item: -item[1].total()):
        table.add_row(story, *(str(severities[severity] or "") for severity in SEVERITIES))
    console.print(table)


def show_alerts(console: Console, events: Sequence[Mapping[str, Any]], products: Mapping[str, Product]) -> None:
    """Show the largest of the events, each with what had happened to the product."""
    title = f"{len(events):,} events, the largest first"
    table = Table(title=title, title_justify="left")
    for name in ("severity", "product", "ledger", "cache", "difference", "action", "what had happened"):
        table.add_column(name, justify="right" if name in {"ledger", "cache", "difference"} else "left")
    ranked = sorted(events, key=lambda event: (-abs(event["discrepancy"]), event["productId"]))
    for event in ranked[:ROWS]:
        table.add_row(
            f"[{COLOURS[event['severity']]}]{event['severity']}[/]",
            event["productId"],
            f"{event['dbStock']:,}",
            f"{event['redisStock']:,}",
            f"{event['discrepancy']:+,}",
            event["action"],
            products[event["productId"]].story,
        )
    if len(ranked) > ROWS:
        table.caption = f"and {len(ranked) - ROWS:,} more in build/demo/alerts.jsonl"
    console.print(table)


def show_checks(console: Console, checks: Sequence[Check]) -> None:
    """Show what was checked, with a tick or with what is different."""
    for check in checks:
        console.print(f"[green]✓[/] {check.what}" if check.passed else f"[red]✗ {check.what}[/]", highlight=False)
        for difference in check.differences:
            console.print(f"    {difference}", markup=False, highlight=False)


def show_slack(console: Console, messages: Sequence[Mapping[str, Any]]) -> None:
    """Show the Slack messages in the order they were posted, those of one kind side by side."""
    console.print(f"{len(messages)} Slack messages", style="italic", highlight=False)
    frames = [(_title(message), _frame(number, message)) for number, message in enumerate(messages, 1)]
    for _, alike in groupby(frames, key=itemgetter(0)):
        console.print(Columns([frame for _, frame in alike]))


def show_pagerduty(console: Console, events: Sequence[Mapping[str, Any]]) -> None:
    """Show what PagerDuty got as a table."""
    table = Table(title=f"{len(events)} PagerDuty events", title_justify="left", box=box.HEAVY_HEAD)
    for name in ("action", "severity", "dedup key", "summary"):
        table.add_column(name)
    for event in events:
        payload = event.get("payload", {})
        cells = (event["event_action"], payload.get("severity", ""), event["dedup_key"], payload.get("summary", ""))
        table.add_row(*(Text(cell) for cell in cells))
    console.print(table)


def show_report(console: Console, report: str) -> None:
    """Show the daily report."""
    console.print(Panel(Text(report), title="stock_sync_daily_report", title_align="left", expand=False))


def _title(message: Mapping[str, Any]) -> str:
    return as_read(message).partition("\n")[0]


def _frame(number: int, message: Mapping[str, Any]) -> Panel:
    title, _, rest = as_read(message).partition("\n")
    style = next((style for sign, style in STYLES.items() if title.startswith(sign)), "green")
    text = Text.assemble((title, "bold"), "\n", rest)
    return Panel(
        text, title=Text(f"{number} {message['channel']}"), title_align="left", expand=False, border_style=style
    )
