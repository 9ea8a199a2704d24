"""The daily report: a day's runs as one text."""

from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from stocksync.model.notice import Message
from stocksync.reporting.day import Figures, Notice, NoticeKind, change, headline, notices, numbers, one_line
from stocksync.reporting.ports import RunHistory
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


class Reporter:
    """Writes the report of a local date.

    Args:
        history: the runs and the earlier reports
        wording: the templates
        zone: the operators' clock
    """

    def __init__(self, history: RunHistory, wording: Wording, zone: tzinfo) -> None:
        self._history = history
        self._wording = wording
        self._zone = zone

    def report(self, day: date, now: datetime) -> Report:
        """Write it.

        Args:
            day: the date
            now: when it is written
        """
        runs, zone = self._history.runs_of(day), self._zone
        chosen = headline(runs)
        top: list[Notice] = []
        local_now = now.astimezone(zone)
        if day != local_now.date():
            top.append(Notice(NoticeKind.PAST, written_at=local_now.strftime("%Y-%m-%d %H:%M:%S")))
        others = [run.summary for run in runs if run.summary is not None and run.summary is not chosen]
        text = self._wording.render(
            "report",
            date=day.isoformat(),
            notices=[*top, *notices(runs, chosen)],
            run=None if chosen is None else numbers(chosen, zone),
            change=None if chosen is None else change(chosen, self._history.earlier_figures()),
            others=[one_line(summary, zone) for summary in sorted(others, key=lambda s: s.finished_at)],
        )
        figures = None if chosen is None else Figures(chosen.date, chosen.restored + chosen.manual_review)
        return Report(Message(text), figures)
