"""The daily report: a day's runs as one text."""

import logging
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from stocksync.errors import BadSetting, CacheUnavailable, LedgerUnavailable
from stocksync.model.notice import Message
from stocksync.model.policy import Rules
from stocksync.model.run_scale import AlarmLimits
from stocksync.model.text import printable
from stocksync.reporting.day import (
    Figures,
    HeadlineFigures,
    Notice,
    NoticeKind,
    change,
    headline,
    notices,
    numbers,
    one_line,
)
from stocksync.reporting.ports import CatalogueNow, RunHistory
from stocksync.reporting.present import SAMPLED, Present, sampled, stand
from stocksync.wording import Wording

log = logging.getLogger(__name__)


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
        catalogue: opens both stores; None: nobody looks how the products stand now
        rules: what a difference is
        wording: the templates
        zone: the operators' clock
        limits: when so many keys are missing that the cache lost them
    """

    def __init__(  # noqa: PLR0913 - its collaborators
        self,
        history: RunHistory,
        catalogue: Callable[[], CatalogueNow] | None,
        rules: Rules,
        wording: Wording,
        zone: tzinfo,
        *,
        limits: AlarmLimits = AlarmLimits(),  # noqa: B008 - frozen
    ) -> None:
        self._history = history
        self._catalogue = catalogue
        self._rules = rules
        self._wording = wording
        self._zone = zone
        self._limits = limits

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
        run = None if chosen is None else numbers(chosen, zone)
        present = None
        if not top:
            present = self._look(run, local_now.strftime("%H:%M:%S"))
            if present is not None and present.sample is not None and present.sample.is_flushed(self._limits):
                found, looked_at = present.sample.missing, present.sample.looked_at
                top.append(Notice(NoticeKind.FLUSHED, written_at=present.at, found=found, before=looked_at))
        text = self._wording.render(
            "report",
            date=day.isoformat(),
            notices=[*top, *notices(runs, chosen)],
            run=run,
            present=present,
            change=None if chosen is None else change(chosen, self._history.earlier_figures()),
            others=[one_line(summary, zone) for summary in sorted(others, key=lambda s: s.finished_at)],
        )
        figures = None if chosen is None else Figures(chosen.date, chosen.restored + chosen.manual_review)
        return Report(Message(text), figures)

    def _look(self, run: HeadlineFigures | None, at: str) -> Present | None:
        """See how the products stand now; a report that cannot tell says so, and is written all the same."""
        if self._catalogue is None:
            return None
        try:
            with closing(self._catalogue()) as catalogue:
                listed = [*run.attention, *run.top] if run is not None else []
                products = stand(listed, catalogue.read([each.product_id for each in listed]), self._rules)
                sample = sampled(catalogue.read(catalogue.sample(SAMPLED)), self._rules)
        except (BadSetting, CacheUnavailable, LedgerUnavailable) as error:
            log.warning("the report does not say how the products stand now: %s", error)
            return Present(at, trouble=printable(str(error), 300))
        return Present(at, products, sample)
