"""Taking back what a decision wrote: by an amount on the present counters, under the same safeguards as a restore."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace

from stocksync.model.counter import taken_back
from stocksync.model.expected import Expected
from stocksync.model.finding import Decided, Finding, event_id
from stocksync.model.plan import RunPlan
from stocksync.model.policy import Action, Difference, severity_of
from stocksync.model.progress import Progress
from stocksync.model.stock import CacheValue, Unreadable, parse_stock
from stocksync.model.tally import Tally
from stocksync.reconcile.ports import Proposal
from stocksync.reconcile.reconciler import Stores
from stocksync.reconcile.recovery import take_over
from stocksync.reconcile.sizes import STANDARD, Sizes
from stocksync.reconcile.time_left import TimeLeft

log = logging.getLogger(__name__)


class TakingBack:
    """One use: construct it for a piece of a decision and call `run`.

    It neither waits nor looks twice: what is added to a counter was written there by this program, whatever the shop
    has sold since. The event says how the product stands then, as a case for a person.

    Args:
        stores: the adapters
        plan: the run
        approved_by: who decided
        reason: why
        amounts: what to add, by product; asked after the outbox was taken over, so that it knows what is done already
        sizes: what is done at once
        reached: called with the name of each step that is passed (the tests kill the process there)
    """

    def __init__(  # noqa: PLR0913 - its collaborators
        self,
        stores: Stores,
        plan: RunPlan,
        *,
        approved_by: str,
        reason: str,
        amounts: Callable[[], Mapping[str, int]],
        sizes: Sizes = STANDARD,
        reached: Callable[[str], None] = lambda _step: None,
    ) -> None:
        self._stores = stores
        self._plan = plan
        self._approved_by = approved_by
        self._reason = reason
        self._amounts = amounts
        self._sizes = sizes
        self._reached = reached
        self._time = TimeLeft(stores.clock, plan.stop_time)

    def run(self) -> None:
        """Do it, from where an earlier attempt left it. Safe to repeat.

        Raises:
            LockHeld, LockLost, Superseded, LedgerUnavailable, CacheUnavailable, PublishFailed: another attempt goes on
        """
        if not self._time.is_over():
            self._stores.lock.hold()
        progress = self._resume()
        amounts = dict(self._amounts())
        for _ in range(self._sizes.looks):  # a sale between the read and the write makes another try of it
            if not amounts or self._time.is_over():
                break
            proposals = self._proposals(amounts, progress)
            written = self._stores.outbox.commit(progress.group, proposals)
            self._reached("committed")
            findings = [proposal.finding for proposal, ok in zip(proposals, written, strict=True) if ok]
            progress = self._publish(findings, progress)
            amounts = {proposal.finding.product_id: amounts[proposal.finding.product_id] for proposal in proposals}
            for finding in findings:
                del amounts[finding.product_id]

    def _resume(self) -> Progress:
        stores = self._stores
        left = take_over(stores.outbox)
        progress = left.noted or left.first_progress(0, int(stores.clock.now().timestamp() * 1000))
        if left.pending:
            progress = left.publish(progress, stores.publisher, self._plan.identity)
            self._reached("recovered")
            log.info("an earlier attempt left %d events in the outbox: published", len(left.pending))
        if left.pending or left.noted is None:
            stores.outbox.clear(left.product_ids, progress)
        return progress

    def _publish(self, findings: list[Finding], progress: Progress) -> Progress:
        if not findings:
            return progress
        self._stores.publisher.publish(self._plan.identity, findings)
        self._reached("published")
        progress = replace(progress, group=progress.group + 1, tally=progress.tally + Tally.of(findings))
        self._stores.outbox.clear([finding.product_id for finding in findings], progress)
        self._reached("cleared")
        return progress

    def _proposals(self, amounts: Mapping[str, int], progress: Progress) -> list[Proposal]:
        ids = list(amounts)
        # As at a second look, the cache is read after the ledger: it is the side that is written.
        expected = self._stores.ledger.expected(ids)
        counters = self._stores.cache.read(ids)
        made = (
            self._proposal(product_id, amounts[product_id], expected.get(product_id), counter, progress)
            for product_id, counter in zip(ids, counters, strict=True)
        )
        return [proposal for proposal in made if proposal is not None]

    def _proposal(
        self, product_id: str, amount: int, expected: Expected | None, counter: CacheValue, progress: Progress
    ) -> Proposal | None:
        if expected is None or counter is None or isinstance(counter, Unreadable):
            return None
        stock = None if isinstance(expected.stock, Unreadable) else parse_stock(expected.stock)
        present = parse_stock(counter)
        if stock is None or present is None:
            return None
        after = taken_back(present, amount)
        difference = Difference(
            db_stock=stock,
            redis_stock=after,
            discrepancy=stock - after,
            severity=severity_of(stock - after),
            action=Action.MANUAL_REVIEW_REQUIRED,
            key_missing=False,
        )
        finding = Finding(
            product_id=product_id,
            difference=difference,
            reason=self._reason,
            detected_at_ms=progress.started_ms,
            event_id=event_id(self._plan.run_id, 0, product_id, difference),
            held=expected.held,
            decided=Decided(self._approved_by, before=present, after=after),
        )
        return Proposal(finding, counter)
