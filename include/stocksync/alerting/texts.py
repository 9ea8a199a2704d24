"""What alerts say: picks a template and hands it numbers and printable text."""

from datetime import tzinfo

from stocksync.alerting.batch import ListedFinding, Overflow, TopFindings
from stocksync.alerting.routing import AlertGroup, local_time
from stocksync.model.finding import Finding
from stocksync.model.notice import Incident, Message, group_incident, product_incident
from stocksync.model.text import printable
from stocksync.wording import Wording


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

    def digest(self, restored: TopFindings, told: int = 0) -> Message:
        """One message for everything that was repaired.

        Args:
            restored: what is new
            told: how many restores of the same run an earlier digest told of
        """
        body = self._wording.render(
            "digest",
            at=self._time(restored.latest),
            count=restored.count,
            largest=_product(restored.largest),
            told=told,
        )
        return Message(body)

    def review(self, review: TopFindings) -> Message:
        """One list of what a person must look at."""
        shown, rest = review.split(review.keep)
        body = self._wording.render(
            "review",
            at=self._time(review.latest),
            count=review.count,
            products=[_product(entry.finding) for entry in shown],
            rest=rest.count,
        )
        return Message(body, self._footer)

    def urgent(self, shown: ListedFinding) -> Message:
        """The message for one product."""
        finding = shown.finding
        body = self._wording.render("urgent", at=self._time(finding.detected_at), product=_product(finding))
        return Message(body, self._footer)

    def urgent_rest(self, rest: Overflow, latest: int) -> Message:
        """The message that counts the urgent products without one of their own."""
        body = self._wording.render(
            "urgent_rest", at=self._time(latest), count=rest.count, largest=_product(rest.largest)
        )
        return Message(body, self._footer)

    def incident(self, shown: ListedFinding, group: AlertGroup) -> Incident:
        """The incident of one product."""
        finding = shown.finding
        return Incident(
            dedup_key=product_incident(finding.product_id),
            summary=self._wording.render("incident", product=_product(finding)),
            details={
                "product": printable(finding.product_id),
                "db": finding.db_stock,
                "redis": finding.redis_stock,
                "discrepancy": finding.discrepancy,
                "run": _run(group),
                "date": self._time(finding.detected_at),
            },
        )

    def incident_rest(self, rest: Overflow, group: AlertGroup, count: int) -> Incident:
        """The incident that counts the urgent products of a run without one of their own."""
        return Incident(
            dedup_key=group_incident(group.key),
            summary=self._wording.render("incident_rest", count=count, largest=_product(rest.largest)),
            details={"count": count, "run": _run(group), "date": group.date},
        )

    def _time(self, milliseconds: int) -> str:
        return local_time(milliseconds, self._zone).strftime("%Y-%m-%d %H:%M:%S")


def _run(group: AlertGroup) -> str:
    return printable(group.run_id) if group.run_id else "-"


def _product(finding: Finding | None) -> dict[str, object]:
    if finding is None:
        raise ValueError("a message about no product was asked for")
    return {
        "id": printable(finding.product_id),
        "db": finding.db_stock,
        "redis": finding.redis_stock,
        "size": abs(finding.discrepancy),
    }
