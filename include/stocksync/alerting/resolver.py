"""Closing incidents whose trouble is over."""

import logging
from collections.abc import Sequence
from datetime import datetime

from stocksync.alerting.ports import OpenIncident, OpenIncidents, Pager, PresentStock
from stocksync.errors import BadSetting, MessageRefused, NotResolved
from stocksync.model.policy import Action, Rules, Severity, Verdict, judge
from stocksync.model.stock import CacheValue, LedgerValue
from stocksync.model.summary import RunStatus, RunSummary
from stocksync.model.text import printable

log = logging.getLogger(__name__)

_SHOWN = 10


class Resolver:
    """Looks at the trouble behind each open incident again.

    An incident that counts products is about the largest of them by name, and about others that nobody remembers.
    It is over when those with a name are well; and, where there are others, when a run shows that they are well too.

    Args:
        incidents: the list of open incidents
        pager: where they are open
        stock: what both stores hold now
        rules: what a difference is
    """

    def __init__(self, incidents: OpenIncidents, pager: Pager, stock: PresentStock, rules: Rules) -> None:
        self._incidents = incidents
        self._pager = pager
        self._stock = stock
        self._rules = rules

    def resolve(self, runs_until: float, summaries: Sequence[RunSummary]) -> list[str]:
        """Close what is over; return the keys of the incidents closed.

        Args:
            runs_until: when the last run published or ended, seconds since the epoch; incidents opened after
                that have had no later run
            summaries: the runs that ended

        Raises:
            NotResolved: some incidents could not be looked at or closed; the other ones had their turn
            ChannelDown, ChannelRefuses: PagerDuty takes nothing; what was closed before stays closed
            LedgerUnavailable, CacheUnavailable: the stores cannot be looked at
        """
        closed: list[str] = []
        refused: list[str] = []
        for incident in self._incidents.all():
            if incident.opened_at >= runs_until:
                continue
            try:
                over = self._is_over(incident, summaries)
                if over:
                    self._close(incident)
                    closed.append(incident.dedup_key)
            except (BadSetting, MessageRefused) as error:  # such as an id that the ledger's column cannot hold
                refused.append(f"{incident.dedup_key}: {error}")
                log.error("incident %s cannot be looked at or closed: %s", incident.dedup_key, error)  # noqa: TRY400
            else:
                log.info("incident %s %s", incident.dedup_key, "is over and was resolved" if over else "stays open")
        if refused:
            raise NotResolved(
                f"{len(closed)} incidents were closed, {len(refused)} could not be looked at or closed: "
                f"{'; '.join(refused[:_SHOWN])}"
            )
        return closed

    def _close(self, incident: OpenIncident) -> None:
        self._pager.resolve(incident.dedup_key)
        self._incidents.remove(incident)

    def _is_over(self, incident: OpenIncident, summaries: Sequence[RunSummary]) -> bool:
        if incident.product_id is not None:
            return self._are_well([incident.product_id])
        all_known = len(incident.products) >= incident.counted
        if not all_known and not any(_shows_health(summary, incident) for summary in summaries):
            return False
        return self._are_well(incident.products)

    def _are_well(self, product_ids: Sequence[str]) -> bool:
        """Tell whether no product needs a person any more; one that the ledger does not have needs none."""
        held = self._stock.read(product_ids) if product_ids else {}
        ill = [product_id for product_id, values in held.items() if self._is_ill(*values)]
        if ill:
            log.info("still to be looked at: %s", printable(", ".join(ill[:_SHOWN]), 500))
        return not ill

    def _is_ill(self, ledger: LedgerValue, cache: CacheValue) -> bool:
        """Tell whether a person is needed; what an order just moved by a few, the next run restores if it stays."""
        found = judge(ledger, cache, self._rules)
        if isinstance(found, Verdict):
            return found is not Verdict.MATCHED
        return found.key_missing or found.action is Action.MANUAL_REVIEW_REQUIRED


def _shows_health(summary: RunSummary, incident: OpenIncident) -> bool:
    """Tell whether a run shows that so many products as an incident counts are fine, whoever they are.

    It must have looked at everything, at as many products at least as the incident counts (a run can be asked
    for a few products only), and have left nothing urgent, and no missing key to the policy that ignores them. A run
    that restored what was urgent has left nothing.
    """
    return (
        summary.status == RunStatus.COMPLETE
        and not summary.dry_run
        and summary.total >= incident.counted
        and not _left_urgent(summary)
        and not summary.missing_ignored
        and datetime.fromisoformat(summary.started_at).timestamp() > incident.opened_at
    )


def _left_urgent(summary: RunSummary) -> bool:
    """Tell whether a run may have left something urgent to a person: its counts do not say what was restored."""
    urgent = summary.by_severity[Severity.CRITICAL.value]
    if not urgent or not summary.manual_review:
        return False
    listed = [entry for entry in summary.top if entry["severity"] == Severity.CRITICAL.value]
    return len(listed) < urgent or any(entry["action"] == Action.MANUAL_REVIEW_REQUIRED.value for entry in listed)
