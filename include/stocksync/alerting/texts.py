"""What alerts say: picks a template and hands it numbers and printable text."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

from stocksync.alerting.batch import AlertBatch, Bulk, ListedEvent, Overflow, TopEvents
from stocksync.alerting.news import GroupNews
from stocksync.alerting.ports import AlertEvent
from stocksync.alerting.routing import LISTED, AlertGroup, local_time
from stocksync.model.address import BEGINNING, QUEUE, decision_path, product_path, run_path
from stocksync.model.notice import Incident, Message, bulk_incident, group_incident, product_incident
from stocksync.model.policy import Action
from stocksync.model.text import labelled, printable, product_name
from stocksync.wording import Wording

_LONGEST_NAME, _LONGEST_REASON = 100, 500
_LARGEST = 10
"""Products named in a message about very many."""


@dataclass(frozen=True, slots=True)
class ProductLine:
    """A product as the templates show it.

    Attributes:
        id: made safe to print
        db: what the ledger said, what is on hold included
        redis: what the cache said
        size: the absolute discrepancy
        direction: in words, which of the two is too large, and what that means
        held: units on hold: the cache is held against `db` less these
        name: what the ledger calls it, made safe to print; empty: nobody says
    """

    id: str
    db: int
    redis: int
    size: int
    direction: str
    held: int = 0
    name: str = ""

    @property
    def label(self) -> str:
        """The id, and the name where there is one."""
        return labelled(self.id, self.name)


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run, or several, as a list of runs shows it.

    Attributes:
        runs: how many runs
        date: local date
        run: the run's id, made safe to print; empty: the events name no run
        restored: how many were repaired
        review: how many a person must look at
        urgent: how many a person must look at at once
        largest: the largest of all
    """

    runs: int
    date: str
    run: str
    restored: int
    review: int
    urgent: int
    largest: ProductLine


@dataclass(frozen=True, slots=True)
class Change:
    """A counter that a person had written, as the template shows it.

    Attributes:
        id: made safe to print
        redis: what it showed when it was restored; what it shows now where that was taken back
        expected: what it should hold
    """

    id: str
    redis: int
    expected: int


class AlertTexts:
    """Turns what was found into messages and incidents.

    Args:
        wording: the templates of the operators' language
        zone: the operators' clock
        mention: whom a message about a large difference names, as configured
    """

    def __init__(self, wording: Wording, zone: tzinfo, mention: str) -> None:
        self._wording = wording
        self._zone = zone
        self._footer = wording.render("mention", mention=mention)

    def digest(self, restored: TopEvents, told: int = 0, changed: int = 0) -> Message:
        """One message for everything that was repaired.

        Args:
            restored: what is new
            told: how many restores of the same run an earlier digest told of
            changed: how many products the run left alone because they kept changing; 0: no more than is usual
        """
        body = self._wording.render(
            "digest",
            at=self._time(restored.latest_ms),
            count=restored.count,
            largest=self._product(restored.largest),
            told=told,
            changed=changed,
        )
        return Message(body, place=self._wording.place(run_path(restored.largest.run_id if restored.largest else "")))

    def review(self, review: TopEvents) -> Message:
        """One list of what a person must look at."""
        shown, rest = review.split(review.keep)
        body = self._wording.render(
            "review",
            at=self._time(review.latest_ms),
            count=review.count,
            products=[self._product(entry.event) for entry in shown],
            rest=rest.count,
        )
        return Message(body, self._footer, place=self._wording.place(QUEUE))

    def approved(self, decided: TopEvents) -> Message:
        """One message for what a decision wrote: all of it was restored, or all of it taken back."""
        shown, rest = decided.split(LISTED)
        first = shown[0].event
        changes = [
            Change(printable(event.product_id), event.redis_stock, event.db_stock) for event in (s.event for s in shown)
        ]
        body = self._wording.render(
            "approved",
            undone=first.action is not Action.REDIS_RESTORED,
            by=printable(first.approved_by or "", _LONGEST_NAME),
            reason=printable(first.reason, _LONGEST_REASON),
            count=decided.count,
            changes=changes,
            rest=rest.count,
        )
        return Message(body, place=self._wording.place(decision_path(first.decision_id or "")))

    def urgent(self, shown: ListedEvent) -> Message:
        """The message for one product."""
        event = shown.event
        product = self._product(event)
        body = self._wording.render("urgent", at=self._time(event.detected_at_ms), product=product)
        place = self._wording.place(product_path(event.product_id))
        return Message(body, self._footer, note=product.direction, place=place)

    def urgent_rest(self, rest: Overflow, latest_ms: int) -> Message:
        """The message that counts the urgent products without one of their own."""
        largest = self._product(rest.largest)
        body = self._wording.render("urgent_rest", at=self._time(latest_ms), count=rest.count, largest=largest)
        return Message(body, self._footer, place=self._wording.place(QUEUE))

    def lost(self, batch: AlertBatch, told: int = 0) -> Message:
        """The message for all counters that a run found lost.

        Args:
            batch: what is to be told of the run
            told: how many of them an earlier message told of
        """
        return self._in_one_piece("lost", batch, batch.lost, told=told, calls=batch.lost.review > 0)

    def many(self, batch: AlertBatch, told: int = 0) -> Message:
        """The message for so many discrepancies that they are told in one piece; arguments as above."""
        return self._in_one_piece("many", batch, batch.many, told=told, calls=True)

    def incident_lost(self, batch: AlertBatch, group: AlertGroup) -> Incident:
        """The incident for all counters that a run found lost; a later run that finds them lost joins it."""
        return self._incident_of("lost", batch.lost, group)

    def incident_many(self, batch: AlertBatch, group: AlertGroup) -> Incident:
        """The incident for so many discrepancies that they are told in one piece; a later run's join it."""
        return self._incident_of("many", batch.many, group)

    def _in_one_piece(self, template: str, batch: AlertBatch, bulk: Bulk, *, told: int, calls: bool) -> Message:
        shown, rest = bulk.top.split(_LARGEST)
        body = self._wording.render(
            template,
            at=self._time(bulk.top.latest_ms),
            count=bulk.top.count,
            restored=bulk.restored,
            review=bulk.review,
            urgent=bulk.urgent,
            scale=batch.scale,
            products=[self._product(entry.event) for entry in shown],
            rest=rest.count,
            told=told,
        )
        return Message(body, self._footer if calls else "", place=self._wording.place(QUEUE))

    def _incident_of(self, what: str, bulk: Bulk, group: AlertGroup) -> Incident:
        largest = self._product(bulk.top.largest)
        return Incident(
            dedup_key=bulk_incident(what),
            summary=self._wording.render(f"incident_{what}", count=bulk.top.count, review=bulk.review, largest=largest),
            details={"count": bulk.top.count, "run": _run(group), "date": printable(group.date, 10)},
            place=self._wording.place(QUEUE),
        )

    def runs(self, groups: Sequence[GroupNews], *, over: bool) -> Message:
        """One message about several runs, a line each.

        Args:
            groups: the runs, the latest first
            over: their days are over; otherwise they are too many to be told one by one
        """
        lines = [self._line([each]) for each in groups[:LISTED]]
        rest = self._line(groups[LISTED:]) if len(groups) > LISTED else None
        body = self._wording.render("runs", over=over, count=len(groups), lines=lines, rest=rest)
        for_a_person = any(sum(batch.figures[1:]) for _, batch in groups)
        return Message(body, self._footer if for_a_person and not over else "", place=self._wording.place(BEGINNING))

    def incident(self, shown: ListedEvent, group: AlertGroup) -> Incident:
        """The incident of one product."""
        event = shown.event
        product = self._product(event)
        return Incident(
            dedup_key=product_incident(event.product_id),
            summary=self._wording.render("incident", product=product),
            details={
                "product": product.label,
                "db": event.db_stock,
                "redis": event.redis_stock,
                "discrepancy": event.discrepancy,
                "direction": product.direction,
                "run": _run(group),
                "date": self._time(event.detected_at_ms),
            },
            place=self._wording.place(product_path(event.product_id)),
        )

    def incident_rest(self, rest: Overflow, group: AlertGroup, count: int) -> Incident:
        """The incident that counts the urgent products of a run without one of their own."""
        return Incident(
            dedup_key=group_incident(group.key),
            summary=self._wording.render("incident_rest", count=count, largest=self._product(rest.largest)),
            details={"count": count, "run": _run(group), "date": printable(group.date, 10)},
            place=self._wording.place(QUEUE),
        )

    def _line(self, groups: Sequence[GroupNews]) -> RunLine:
        group, _ = groups[0]
        batches = [batch for _, batch in groups]
        restored, review, urgent = map(sum, zip(*(batch.figures for batch in batches), strict=True))
        largest = max(filter(None, (batch.largest for batch in batches)), key=lambda event: abs(event.discrepancy))
        return RunLine(
            runs=len(groups),
            date=printable(group.date, 10),
            run=printable(group.run_id) if group.run_id else "",
            restored=restored,
            review=review,
            urgent=urgent,
            largest=self._product(largest),
        )

    def _product(self, event: AlertEvent | None) -> ProductLine:
        if event is None:
            raise ValueError("a message about no product was asked for")
        size = abs(event.discrepancy)
        return ProductLine(
            id=printable(event.product_id),
            db=event.db_stock + event.held,
            redis=event.redis_stock,
            size=size,
            direction=self._wording.render("direction", size=size, too_many=event.discrepancy < 0),
            held=event.held,
            name=product_name(event.product_name),
        )

    def _time(self, time_ms: int) -> str:
        return local_time(time_ms, self._zone).strftime("%Y-%m-%d %H:%M:%S")


def _run(group: AlertGroup) -> str:
    return printable(group.run_id) if group.run_id else "-"
