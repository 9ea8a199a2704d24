"""A day in numbers: which run is the headline, and what must be said before any number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Any

from stocksync.model.policy import Action, Severity
from stocksync.model.specimen import Specimen
from stocksync.model.summary import RunStatus, RunSummary, changed_too_much
from stocksync.model.text import labelled, printable, product_name

REPORTS_COMPARED = 7
"""How many earlier reports a day is compared with."""
_SCHEDULED, _BACKFILL = "scheduled", "backfill"
_FAR_WORSE, _FAR_WORSE_BY = 2, 10
"""A later run is far worse with more than so many times as many products out of order, and so many more."""


class RunState(StrEnum):
    """How Airflow says a run stands."""

    FINISHED = "finished"
    FAILED = "failed"
    RUNNING = "running"


@dataclass(frozen=True, slots=True)
class RunOfDay:
    """One run of stock_sync on the day.

    Attributes:
        run_id: Airflow's run id
        state: how it stands
        summary: its numbers; None: it has none (yet, or it failed too early)
    """

    run_id: str
    state: RunState
    summary: RunSummary | None


@dataclass(frozen=True, slots=True)
class Figures:
    """What later reports compare themselves with.

    Attributes:
        date: local date
        discrepancies: restored and left to a person
    """

    date: str
    discrepancies: int


class NoticeKind(StrEnum):
    """What must be said before any number."""

    PAST = "past"
    NO_RUN = "no_run"
    RUNNING = "running"
    PARTIAL = "partial"
    FAILED = "failed"
    DRY_RUN = "dry_run"
    EMPTY = "empty"
    WORSE = "worse"
    FLUSHED = "flushed"
    UNREADABLE = "unreadable"
    NO_KEYS = "no_keys"
    MASS_LOSS = "mass_loss"


@dataclass(frozen=True, slots=True)
class Notice:
    """A line at the top of the report.

    Attributes:
        kind: what it says
        run_id: about which run, made safe to print; empty: about none
        unprocessed: products that run did not look at
        changed: products that kept changing, if they are more than is usual
        written_at: when a report about a past date was written, or the stores were looked at, on the operators' clock
        found: products out of order in that run, without a key among those looked at, or that could not be compared
        before: products out of order in the run before, or all those looked at
        examples: a few of those that could not be compared
    """

    kind: NoticeKind
    run_id: str = ""
    unprocessed: int = 0
    changed: int = 0
    written_at: str = ""
    found: int = 0
    before: int = 0
    examples: Sequence[Specimen] = ()


@dataclass(frozen=True, slots=True)
class ReportedProduct:
    """A product of the report.

    Attributes:
        product_id: as the ledger spells it
        id: made safe to print
        db: stock in the ledger, when the run looked, what is on hold included
        redis: counter, when the run looked
        size: absolute discrepancy
        manual: whether it is left to a person
        held: units on hold: the counter is held against `db` less these
        name: what the ledger calls it, made safe to print; empty: nobody says
    """

    product_id: str
    id: str
    db: int
    redis: int
    size: int
    manual: bool
    held: int = 0
    name: str = ""

    @property
    def label(self) -> str:
        """The id, and the name where there is one."""
        return labelled(self.id, self.name)


@dataclass(frozen=True, slots=True)
class HeadlineFigures:
    """The run the report is about, as its template shows it.

    Counts are numbers, shares are percentages with two decimals, times are on the operators' clock. `attention` is what
    waits for a person, `top` what else is among the ten largest: nothing is in both.
    """

    run_id: str
    status: str
    total: int
    matched: int
    matched_share: str
    missing: int
    missing_ignored: int
    missing_share: str
    discrepancies: int
    discrepancy_share: str
    changed: int
    in_doubt: int
    held_units: int
    invalid: int
    unprocessed: int
    restored: int
    manual_review: int
    attention: Sequence[ReportedProduct]
    attention_rest: int
    finished_at: str
    mean: str
    minutes: int
    seconds: int
    urgent: int
    top: Sequence[ReportedProduct]


@dataclass(frozen=True, slots=True)
class FurtherRun:
    """Another run of the day, as its line shows it."""

    run_id: str
    status: str
    finished_at: str
    total: int
    discrepancies: int
    restored: int
    manual_review: int
    missing: int
    dry_run: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """The day against the reports before it.

    Attributes:
        reports: how many reports
        discrepancies: how many more (+) or fewer (-) than their mean
        mean: their mean
    """

    reports: int
    discrepancies: str
    mean: str


def headline(runs: Sequence[RunOfDay]) -> RunSummary | None:
    """Choose the run the report is about: the scheduled one, else the latest that finished, dry runs last.

    A later run of the day that is far worse takes its place: what it found is how the day stands.
    """
    usual = usual_headline(runs)
    if usual is None:
        return None
    later = [run.summary for run in runs if run.summary is not None and _is_far_worse(run.summary, usual)]
    return max(later, key=lambda summary: (out_of_order(summary), _finished(summary)), default=usual)


def usual_headline(runs: Sequence[RunOfDay]) -> RunSummary | None:
    """Choose the run the report is about on a day that does not get worse."""
    with_numbers = [run.summary for run in runs if run.summary is not None]
    scheduled = [summary for summary in with_numbers if summary.run_type == _SCHEDULED]
    real = [summary for summary in with_numbers if not summary.dry_run]
    return max(scheduled or real or with_numbers, key=_finished, default=None)


def out_of_order(summary: RunSummary) -> int:
    """Count the products that were not as they should be."""
    return summary.restored + summary.manual_review + summary.invalid + summary.missing_ignored


def _is_far_worse(later: RunSummary, usual: RunSummary) -> bool:
    """Tell a day that got worse from a look at a few products, or at stores that are of another day by now."""
    found, before = out_of_order(later), out_of_order(usual)
    return (
        _finished(later) > _finished(usual)
        and later.run_type != _BACKFILL
        and later.total * 2 >= usual.total
        and found > before * _FAR_WORSE
        and found >= before + _FAR_WORSE_BY
    )


def notices(runs: Sequence[RunOfDay], chosen: RunSummary | None) -> list[Notice]:
    """Collect what must be said at the top: nobody may take a missing or a broken run for a good day."""
    said: list[Notice] = []
    usual = usual_headline(runs)
    if chosen is not None and usual is not None and chosen is not usual:
        run_id = printable(chosen.run_id, 250)
        said.append(Notice(NoticeKind.WORSE, run_id, found=out_of_order(chosen), before=out_of_order(usual)))
    if not runs:
        said.append(Notice(NoticeKind.NO_RUN))
    for run in runs:
        run_id, summary = printable(run.run_id, 250), run.summary
        if run.state is RunState.RUNNING:
            said.append(Notice(NoticeKind.RUNNING, run_id))
        elif summary is not None and summary.status == RunStatus.PARTIAL:
            said.append(_about(NoticeKind.PARTIAL, run_id, summary))
        elif run.state is RunState.FAILED or (summary is not None and summary.status == RunStatus.FAILED):
            said.append(_about(NoticeKind.FAILED, run_id, summary))
    said = [*(notice for run in runs if run.summary is not None for notice in _alarms(run.summary)), *said]
    if chosen is not None and chosen.dry_run:
        said.append(Notice(NoticeKind.DRY_RUN, printable(chosen.run_id, 250)))
    if chosen is not None and chosen.total == 0:
        said.append(Notice(NoticeKind.EMPTY))
    return said


def _alarms(summary: RunSummary) -> list[Notice]:
    """Say what makes the numbers below worthless."""
    run_id, looked_at = printable(summary.run_id, 250), summary.total - summary.unprocessed
    said = []
    if summary.compared_hardly_any:
        examples = [Specimen.from_list(list(each.values())) for each in summary.invalid_examples]
        safe = [replace(each, product_id=printable(each.product_id)) for each in examples]
        said.append(Notice(NoticeKind.UNREADABLE, run_id, found=summary.invalid, before=looked_at, examples=safe))
    if summary.mass_loss:
        said.append(Notice(NoticeKind.MASS_LOSS, run_id, found=summary.missing_keys, before=looked_at))
    elif summary.empty_cache:
        said.append(Notice(NoticeKind.NO_KEYS, run_id, found=summary.missing_keys, before=looked_at))
    return said


def numbers(summary: RunSummary, zone: tzinfo) -> HeadlineFigures:
    """Put a run's numbers as the report shows them."""
    discrepancies = summary.restored + summary.manual_review
    minutes, seconds = divmod(int(Decimal(str(summary.duration_seconds)).quantize(Decimal(1), ROUND_HALF_UP)), 60)
    top = [_product(entry) for entry in summary.top]
    attention = [product for product in top if product.manual]
    others = [product for product in top if not product.manual]
    return HeadlineFigures(
        run_id=printable(summary.run_id, 250),
        status=summary.status,
        total=summary.total,
        matched=summary.agreeing,
        matched_share=share(summary.agreeing, summary.total),
        missing=summary.missing_keys,
        missing_ignored=summary.missing_ignored,
        missing_share=share(summary.missing_keys, summary.total),
        discrepancies=discrepancies,
        discrepancy_share=share(discrepancies, summary.total),
        changed=summary.changed,
        in_doubt=summary.in_doubt,
        held_units=summary.held_units,
        invalid=summary.invalid,
        unprocessed=summary.unprocessed,
        restored=summary.restored,
        manual_review=summary.manual_review,
        attention=attention,
        attention_rest=summary.manual_review - len(attention),
        finished_at=_clock_time(summary, zone),
        mean=f"{summary.mean_discrepancy:,.2f}".rstrip("0").rstrip("."),
        minutes=minutes,
        seconds=seconds,
        urgent=summary.by_severity.get(Severity.CRITICAL.value, 0),
        top=others,
    )


def one_line(summary: RunSummary, zone: tzinfo) -> FurtherRun:
    """Put a further run's numbers as its line shows them."""
    return FurtherRun(
        run_id=printable(summary.run_id, 250),
        status=summary.status,
        finished_at=_clock_time(summary, zone),
        total=summary.total,
        discrepancies=summary.restored + summary.manual_review,
        restored=summary.restored,
        manual_review=summary.manual_review,
        missing=summary.missing_keys,
        dry_run=summary.dry_run,
    )


def share(part: int, whole: int) -> str:
    """Give a percentage with two decimals; only all is 100.00 and only none is 0.00."""
    if whole == 0:
        return "0.00"
    percent = (Decimal(part) * 100 / Decimal(whole)).quantize(Decimal("0.01"), ROUND_HALF_UP)
    if part < whole:
        percent = min(percent, Decimal("99.99"))
    if part > 0:
        percent = max(percent, Decimal("0.01"))
    return f"{percent:.2f}"


def change(summary: RunSummary, earlier: Sequence[Figures]) -> Comparison | None:
    """Compare a day with the reports of the days before it: one a date, the latest seven dates.

    Args:
        summary: the day's headline
        earlier: figures of reports, the newest report first
    """
    by_date: dict[str, int] = {}
    for figures in earlier:
        if figures.date < summary.date:
            by_date.setdefault(figures.date, figures.discrepancies)
    last = [by_date[date] for date in sorted(by_date, reverse=True)[:REPORTS_COMPARED]]
    if not last:
        return None
    mean = Decimal(sum(last)) / len(last)
    difference = Decimal(summary.restored + summary.manual_review) - mean
    return Comparison(len(last), f"{_tenth(difference):+,}", f"{_tenth(mean):,}")


def _about(kind: NoticeKind, run_id: str, summary: RunSummary | None) -> Notice:
    """Say of a run what it did not look at, and what kept changing if that is more than is usual."""
    if summary is None:
        return Notice(kind, run_id)
    changed = summary.changed if changed_too_much(summary.changed, summary.total) else 0
    return Notice(kind, run_id, summary.unprocessed, changed)


def _tenth(number: Decimal) -> Decimal:
    rounded = number.quantize(Decimal("0.1"), ROUND_HALF_UP)
    return rounded.quantize(Decimal(1)) if rounded == rounded.to_integral_value() else rounded


def _finished(summary: RunSummary) -> datetime:
    return datetime.fromisoformat(summary.finished_at)


def _clock_time(summary: RunSummary, zone: tzinfo) -> str:
    return _finished(summary).astimezone(zone).strftime("%H:%M:%S")


def _product(entry: Mapping[str, Any]) -> ReportedProduct:
    held = entry.get("held", 0)
    return ReportedProduct(
        product_id=entry["product_id"],
        id=printable(entry["product_id"]),
        db=entry["db"] + held,
        redis=entry["redis"],
        size=abs(entry["discrepancy"]),
        manual=entry["action"] == Action.MANUAL_REVIEW_REQUIRED.value,
        held=held,
        name=product_name(entry.get("name", "")),
    )
