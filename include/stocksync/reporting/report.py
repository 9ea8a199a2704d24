"""The daily report: a day's runs as one text."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any

from stocksync.model.notice import Message
from stocksync.reporting.day import Figures, RunOfDay, change, headline, notices, numbers, one_line
from stocksync.wording import Wording


@dataclass(frozen=True, slots=True)
class Report:
    """A day as people read it.

    Attributes:
        message: the text
        figures: what later reports compare themselves with; None: the day has no numbers
    """

    message: Message
    figures: Figures | None


def compose(  # noqa: PLR0913 - what a report is made of
    day: date, runs: Sequence[RunOfDay], earlier: Sequence[Figures], wording: Wording, *, now: datetime, zone: tzinfo
) -> Report:
    """Write the report of a local date.

    Args:
        day: the date
        runs: every run of that date, in any state
        earlier: figures of reports written before, the newest first
        wording: the templates
        now: when it is written
        zone: the operators' clock
    """
    chosen = headline(runs)
    top: list[dict[str, Any]] = []
    local_now = now.astimezone(zone)
    if day != local_now.date():
        top.append({"kind": "past", "written_at": local_now.strftime("%Y-%m-%d %H:%M:%S")})
    others = [run.summary for run in runs if run.summary is not None and run.summary is not chosen]
    text = wording.render(
        "report",
        date=day.isoformat(),
        notices=[*top, *notices(runs, chosen)],
        run=None if chosen is None else numbers(chosen, zone),
        change=None if chosen is None else change(chosen, earlier),
        others=[one_line(summary, zone) for summary in sorted(others, key=lambda s: s.finished_at)],
    )
    figures = None if chosen is None else Figures(chosen.date, chosen.restored + chosen.manual_review)
    return Report(Message(text), figures)
