"""Closing incidents whose trouble is over."""

import logging
from collections.abc import Sequence
from datetime import datetime

from stocksync.alerting.ports import OpenIncident, OpenIncidents, Pager, PresentStock
from stocksync.model.policy import Rules, Severity, Verdict, judge
from stocksync.model.summary import RunStatus, RunSummary
from stocksync.model.text import printable

log = logging.getLogger(__name__)


class Resolver:
    """Looks at the trouble behind each open incident again.

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
            ChannelDown, ChannelRefuses, MessageRefused: PagerDuty; what was closed before stays closed
            LedgerUnavailable, CacheUnavailable: the stores cannot be looked at
        """
        closed = []
        for incident in self._incidents.all():
            if incident.opened_at >= runs_until:
                continue
            if self._is_over(incident, summaries):
                self._pager.resolve(incident.dedup_key)
                self._incidents.remove(incident)
                closed.append(incident.dedup_key)
                log.info("incident %s is over and was resolved", incident.dedup_key)
            else:
                log.info("incident %s stays open", incident.dedup_key)
        return closed

    def _is_over(self, incident: OpenIncident, summaries: Sequence[RunSummary]) -> bool:
        if incident.product_id is not None:
            return self._is_healthy(incident.product_id)
        return any(_proves_health(summary, incident) for summary in summaries)

    def _is_healthy(self, product_id: str) -> bool:
        held = self._stock.read([product_id]).get(product_id)
        if held is None:
            log.info("product %s is no longer in the ledger", printable(product_id))
            return True
        return judge(*held, self._rules) is Verdict.MATCHED


def _proves_health(summary: RunSummary, incident: OpenIncident) -> bool:
    """Tell whether a run shows that the many products an incident counts are fine.

    It must have looked at everything, at as many products at least as the incident counts (a run can be asked
    for a few products only), and have found nothing urgent.
    """
    return (
        summary.status == RunStatus.COMPLETE
        and not summary.dry_run
        and summary.total >= incident.counted
        and not summary.by_severity[Severity.CRITICAL.value]
        and datetime.fromisoformat(summary.started_at).timestamp() > incident.opened_at
    )
