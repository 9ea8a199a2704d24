"""Calling people about what one pass found."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from stocksync.alerting.batch import WATCHED, AlertBatch, Overflow
from stocksync.alerting.news import GroupNews, News
from stocksync.alerting.ports import Delivered, DeliveryLog, OpenIncident, OpenIncidents, Pager
from stocksync.alerting.routing import MESSAGES_A_RUN, URGENT_A_RUN, AlertGroup
from stocksync.alerting.texts import AlertTexts
from stocksync.errors import MessageRefused
from stocksync.model.notice import Incident
from stocksync.model.text import printable

log = logging.getLogger(__name__)


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

    def tell(self, news: News) -> list[MessageRefused]:
        """Tell everything urgent; return what PagerDuty will not take.

        Nobody is called for a day that is over: what still differs is found again by the next run.

        Raises:
            ChannelDown, ChannelRefuses: PagerDuty takes no events at all.
        """
        refused: list[MessageRefused] = []
        products, incidents = URGENT_A_RUN, MESSAGES_A_RUN
        for group, batch in news.current:
            delivered = self._delivered(group)
            shown, rest = batch.urgent.split(min(products, URGENT_A_RUN - delivered.urgent))
            products -= len(shown)
            incidents -= len(shown)
            for entry in shown:
                try:
                    self._open(self._texts.incident(entry, group), product_id=entry.event.product_id)
                except MessageRefused as error:
                    refused.append(error)
                    continue
                delivered = replace(delivered, urgent=delivered.urgent + 1)
                self._delivery_log.remember(group.key, entry.token, delivered)
            if rest.count:
                refused += self._count(group, rest, delivered, call=incidents > 0)
                incidents -= 1
            refused += self._in_one_piece(group, batch)
        self._pass_over(news.over)
        return refused

    def _count(
        self, group: AlertGroup, rest: Overflow, delivered: Delivered, *, call: bool
    ) -> Iterator[MessageRefused]:
        """Open the incident that counts a run's other products, unless there are enough; give what is refused."""
        delivered = replace(delivered, counted=delivered.counted + rest.count)
        incident = self._texts.incident_rest(rest, group, delivered.counted)
        if call:
            try:
                self._open(incident, counted=delivered.counted, products=rest.products)
            except MessageRefused as error:
                yield error
                return
        else:
            log.error(
                "%s: %d incidents were opened in this pass, so this one is only written here: %s",
                printable(group.key, 260),
                MESSAGES_A_RUN,
                incident.summary,
            )
        self._delivery_log.remember(group.key, rest.tokens, delivered)

    def _in_one_piece(self, group: AlertGroup, batch: AlertBatch) -> Iterator[MessageRefused]:
        """Open one incident for what is told in one piece, if a person has to act; give what is refused."""
        bulks = [(batch.lost.top, self._texts.incident_lost(batch, group) if batch.lost.review else None)]
        bulks.append((batch.many.top, self._texts.incident_many(batch, group) if batch.many.urgent else None))
        for top, incident in bulks:
            _, all_of_them = top.split(0)
            if incident is not None:
                try:
                    self._open(incident, counted=all_of_them.count, products=all_of_them.products)
                except MessageRefused as error:
                    yield error
                    continue
            if all_of_them.count:
                self._delivery_log.remember(group.key, all_of_them.tokens, self._delivered(group))

    def _pass_over(self, groups: Sequence[GroupNews]) -> None:
        for group, batch in groups:
            if batch.calling:
                self._delivery_log.remember(group.key, batch.calling, self._delivered(group))

    def _delivered(self, group: AlertGroup) -> Delivered:
        # The limits are a run's. Events without a run come all day long, so there each pass has its own.
        return Delivered() if group.run_id is None else self._delivery_log.delivered(group.key)

    def _open(
        self, incident: Incident, *, product_id: str | None = None, counted: int = 0, products: tuple[str, ...] = ()
    ) -> None:
        if counted:
            # Opened in an earlier pass, it knows products of its own.
            known = {found.dedup_key: found.products for found in self._incidents.all()}
            products = (*known.get(incident.dedup_key, ()), *products)[:WATCHED]
        # Noted first: an incident that is noted and was never opened is resolved for nothing; one that is open
        # and was never noted stays open for ever.
        self._incidents.add(OpenIncident(incident.dedup_key, self._clock(), product_id, counted, products))
        self._pager.trigger(incident)
