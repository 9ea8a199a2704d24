"""What people were told, as they would read it."""

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

from local.standins.slack import as_read

STYLES = {"🚨": "red", "⚠️": "yellow"}


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
