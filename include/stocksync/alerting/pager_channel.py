"""Calling people about one group of events."""

import time
from collections.abc import Callable
from dataclasses import replace

from stocksync.alerting.batch import AlertBatch
from stocksync.alerting.ports import Delivered, DeliveryLog, OpenIncident, OpenIncidents, Pager
from stocksync.alerting.routing import URGENT_A_RUN, AlertGroup
from stocksync.alerting.texts import AlertTexts
from stocksync.errors import MessageRefused
from stocksync.model.notice import Incident


class PagerChannel:
    """Opens an incident for each urgent product up to a limit, then one for the run.

    Args:
        pager: the one that wakes people
        delivery_log: what it was told already
        incidents: the list of open incidents
        texts: the incidents' words
        clock: seconds since the epoch
    """

    def __init__(
        self,
        pager: Pager,
        delivery_log: DeliveryLog,
        incidents: OpenIncidents,
        texts: AlertTexts,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._pager = pager
        self._delivery_log = delivery_log
        self._incidents = incidents
        self._texts = texts
        self._clock = clock

    def tell(self, group: AlertGroup, batch: AlertBatch) -> list[MessageRefused]:
        """Tell everything urgent in the batch; return what PagerDuty will not take.

        Raises:
            ChannelDown, ChannelRefuses: PagerDuty takes no events at all.
        """
        # The limits are a run's. Events without a run come all day long, so there each pass has its own.
        delivered = Delivered() if group.run_id is None else self._delivery_log.delivered(group.key)
        shown, rest = batch.urgent.split(URGENT_A_RUN - delivered.urgent)
        refused: list[MessageRefused] = []
        for entry in shown:
            try:
                self._open(self._texts.incident(entry, group), product_id=entry.event.product_id)
            except MessageRefused as error:
                refused.append(error)
                continue
            delivered = replace(delivered, urgent=delivered.urgent + 1)
            self._delivery_log.remember(group.key, entry.token, delivered)
        if rest.count:
            delivered = replace(delivered, counted=delivered.counted + rest.count)
            try:
                self._open(self._texts.incident_rest(rest, group, delivered.counted), counted=delivered.counted)
            except MessageRefused as error:
                refused.append(error)
            else:
                self._delivery_log.remember(group.key, rest.tokens, delivered)
        return refused

    def _open(self, incident: Incident, *, product_id: str | None = None, counted: int = 0) -> None:
        # Noted first: an incident that is noted and was never opened is resolved for nothing; one that is open
        # and was never noted stays open for ever.
        self._incidents.add(OpenIncident(incident.dedup_key, self._clock(), product_id, counted))
        self._pager.trigger(incident)
