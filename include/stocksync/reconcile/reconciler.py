"""Reconcile one range of product ids: compare, wait, look again, restore or report, publish, remember.

    scan ──► group of suspects ──► settle ──► second look ──► commit ──► publish ──► save ──► clear
     ▲            (queue)                          │         restore +   events      Airflow   outbox
     └── goes on while groups settle               │         outbox      acknowledged
                                                   └──► still moving: looked at again at the range's end

Groups finish in order, so the progress is one id, and only groups in work can have anything in the outbox. A group ends
with so many suspects, after a few seconds, at the end of the time, or where the ledger fails: what was compared is
acted on in any case. Of full groups, a few are committed before they are published, saved and cleared together.
Whatever step the process dies in, the next attempt finds in the journal and the outbox what has been done.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain

from stocksync.model.finding import Decided, Finding, event_id, reason_for
from stocksync.model.id_range import IdRange
from stocksync.model.permission import Permission
from stocksync.model.plan import RunPlan
from stocksync.model.policy import Rules
from stocksync.model.progress import Progress, RangeOutcome
from stocksync.model.stock import CacheValue
from stocksync.model.tally import Tally
from stocksync.model.text import printable
from stocksync.reconcile.first_look import Suspect, SuspectGroup, groups
from stocksync.reconcile.ports import (
    AlertPublisher,
    Clock,
    Journal,
    LedgerBatch,
    Outbox,
    Proposal,
    RunLock,
    StockCache,
    StockLedger,
    Unsettled,
)
from stocksync.reconcile.progress_log import ScanProgress, in_words, name
from stocksync.reconcile.recovery import take_over
from stocksync.reconcile.scan import Scan
from stocksync.reconcile.second_look import Confirmed, look_again
from stocksync.reconcile.settle_queue import settled
from stocksync.reconcile.sizes import STANDARD, Sizes
from stocksync.reconcile.time_left import TimeLeft

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stores:
    """Everything a reconciliation reads from and writes to."""

    ledger: StockLedger
    cache: StockCache
    outbox: Outbox
    lock: RunLock
    publisher: AlertPublisher
    journal: Journal
    clock: Clock
    unsettled: Unsettled | None = None


class Reconciler:
    """One use: construct it for a range and call `run`.

    Args:
        stores: the adapters
        plan: the run
        rules: the thresholds
        settle: how long a difference must stand unchanged
        pace: most products a second that the range is read with; None: no limit
        sizes: what is done at once
        permission: what a person allowed; None: the rules alone decide
        reached: called with the name of each step that is passed (the tests kill the process there)
    """

    def __init__(  # noqa: PLR0913 - its collaborators
        self,
        stores: Stores,
        plan: RunPlan,
        rules: Rules,
        *,
        settle: timedelta,
        pace: float | None = None,
        sizes: Sizes = STANDARD,
        permission: Permission | None = None,
        reached: Callable[[str], None] = lambda _step: None,
    ) -> None:
        self._stores = stores
        self._plan = plan
        self._rules = rules
        self._settle = settle.total_seconds()
        self._permission = permission
        self._reached = reached
        self._progress = Progress(started_ms=0)
        """How far this attempt has come; behind `_committed` it is noted, too."""
        self._committed: list[list[Finding]] = []
        """Of each group that is not closed, what is recorded in the outbox."""
        self._time = TimeLeft(stores.clock, plan.stop_time)
        self._pace = pace
        self._sizes = sizes
        self._seen: dict[str, Suspect] = {}
        """What the products that keep changing showed at the look before; an earlier attempt's are not in it."""
        self._seen_at = 0.0

    def run(self, id_range: IdRange) -> RangeOutcome:
        """Work through the range, from where an earlier attempt left it. Safe to repeat."""
        try:
            return self._run(id_range)
        finally:
            self._stores.cache.forget()

    def _run(self, id_range: IdRange) -> RangeOutcome:
        stores, late = self._stores, self._time.is_over()
        if not late:
            stores.lock.hold()
        self._progress = self._resume(id_range)
        if not self._progress.done and not late:
            log.info("range %s: begun%s", id_range.label, self._from_where())
            if self._look_at_all(id_range) and not self._progress.done:
                self._finish_moving()
        held = stores.ledger.held_units(id_range)
        outcome = RangeOutcome.of(id_range, self._progress, self._products(id_range), held)
        log.info("range %s: %s", id_range.label, in_words(outcome))
        return outcome

    def _look_at_all(self, id_range: IdRange) -> bool:
        """Scan what is not finished yet; False: the time was up first.

        Raises:
            LedgerUnavailable: the ledger failed; what had been read by then is finished.
        """
        stores, legs = self._stores, id_range.legs
        told = ScanProgress(stores.clock, self._pace, total=id_range.rows, before=self._progress.tally.products)
        for number in range(self._progress.leg, len(legs)):
            scan = Scan(
                stores.ledger,
                stores.cache,
                stores.clock,
                self._time,
                closing=self._settle + self._sizes.closing,
                pace=self._pace,
            )
            at_its_end = False
            for group in settled(
                self._groups(scan, legs[number], told),
                stores.cache,
                stores.clock,
                settle=self._settle,
                time=self._time,
                most=self._sizes.settling,
            ):
                at_its_end = group.last and scan.whole
                self._finish(group, leg_ends=at_its_end, range_ends=at_its_end and number == len(legs) - 1)
            self._close()
            if scan.failure is not None:
                raise scan.failure
            if not at_its_end:
                return False
        return True

    def _resume(self, id_range: IdRange) -> Progress:
        """Load what survived, settle the outbox, and begin a new pass if a person cleared a finished range."""
        stores = self._stores
        left = take_over(stores.outbox)
        now_ms = int(stores.clock.now().timestamp() * 1000)
        # Only the one writer can note its progress beside the outbox. An attempt that was given up and is still alive
        # can write to the journal: that counts only where the note is lost.
        progress = left.noted or stores.journal.load() or left.first_progress(self._plan.pass_number, now_ms)
        progress = progress.of_range(id_range.fingerprint, self._plan.pass_number)
        if left.pending:
            progress = left.publish(progress, stores.publisher, self._plan.identity)
            self._reached("recovered")
            log.info("an earlier attempt left %d events in the outbox: published", len(left.pending))
            self._save(progress, clear=left.product_ids)
        elif left.noted is None:
            stores.outbox.clear([], progress)
        return progress

    def _groups(self, scan: Scan, stretch: IdRange, told: ScanProgress) -> Iterator[SuspectGroup]:
        """Cut a scan into groups, and tell how far it is."""
        progress = self._progress

        def compared() -> Iterator[tuple[LedgerBatch, list[CacheValue]]]:
            for batch, values in scan.pairs(stretch, progress.position):
                told.compared(len(values), self._progress.tally)
                yield batch, values

        for group in groups(
            compared(),
            rules=self._rules,
            counted_before=frozenset(progress.counted_ahead),
            size=self._sizes.group,
            seconds=self._sizes.checkpoint,
            monotonic=self._stores.clock.monotonic,
        ):
            name("no stock number", group.invalid)
            yield group

    def _finish(self, group: SuspectGroup, *, leg_ends: bool, range_ends: bool) -> None:
        """Second look and commit; publish, save and clear, unless more follows at once: from suspicion to done."""
        self._reached("settled")
        progress = self._progress
        moving = list(progress.moving)
        tally, findings, still = self._look_and_commit(group.suspects)
        room = self._sizes.moving - len(moving)
        moving += self._remember(still[:room])
        tally += group.tally + self._give_up([suspect.product_id for suspect in still[room:]])
        self._progress = replace(
            progress,
            group=progress.group + 1,
            leg=progress.leg + (leg_ends and not range_ends),
            position=None if leg_ends and not range_ends else group.position or progress.position,
            tally=progress.tally + tally,
            moving=tuple(moving),
            counted_ahead=tuple(i for i in progress.counted_ahead if i not in group.counted_before),
            done=range_ends and not moving,
        )
        self._committed.append(findings)
        full = group.remembered >= self._sizes.group
        if not full or len(self._committed) >= self._sizes.together:
            self._close()

    def _finish_moving(self) -> None:
        """Give the products that kept changing a few more chances; what still moves is left for the next run."""
        progress = self._progress
        moving = list(progress.moving)
        tally, findings = Tally(), list[Finding]()
        for _ in range(self._sizes.looks):
            self._let_settle()
            if not moving or self._time.is_over():
                break
            suspects = [self._seen.pop(product_id, Suspect(product_id, seen=None)) for product_id in moving]
            looked, found, still = self._look_and_commit(suspects)
            moving = self._remember(still)
            tally += looked
            findings += found
        name("still changing, left alone", moving)
        tally += self._give_up(moving)
        self._progress = replace(
            progress,
            group=progress.group + 1,
            tally=progress.tally + tally,
            moving=(),
            done=True,
        )
        self._committed.append(findings)
        self._close()

    def _let_settle(self) -> None:
        """Wait until everything seen before was seen long enough ago to be believed if it still stands."""
        clock = self._stores.clock
        if self._seen:
            self._time.wait(self._seen_at + self._settle - clock.monotonic())

    def _remember(self, still: Sequence[Suspect]) -> list[str]:
        """Keep what the moving products showed, for the next look; return their ids."""
        self._seen |= {suspect.product_id: suspect for suspect in still}
        return [suspect.product_id for suspect in still]

    def _give_up(self, product_ids: Sequence[str]) -> Tally:
        """Leave products to the next run."""
        self._stores.cache.forget(product_ids)
        if self._stores.unsettled is not None and product_ids:
            self._stores.unsettled.note(product_ids)
        return Tally(changed=len(product_ids))

    def _look_and_commit(self, suspects: Sequence[Suspect]) -> tuple[Tally, list[Finding], list[Suspect]]:
        """Return what was counted, what was committed, and who is still moving."""
        stores = self._stores
        look = look_again(suspects, ledger=stores.ledger, cache=stores.cache, rules=self._rules)
        self._seen_at = stores.clock.monotonic()
        name("no stock number", look.invalid)
        name("orders in doubt, so not restored", look.in_doubt)
        self._reached("looked again")
        confirmed, refused = self._allowed(look.confirmed)
        proposals = [Proposal(self._finding(each), each.cache) for each in confirmed]
        written = stores.outbox.commit(self._progress.group, proposals)
        self._reached("committed")
        findings, moving = list[Finding](), look.moving
        for proposal, ok in zip(proposals, written, strict=True):
            if ok:
                findings.append(proposal.finding)
            else:  # a sale came between the second look and the write
                moving.append(Suspect(proposal.finding.product_id, seen=None))
        return look.tally + Tally.of(findings) + Tally(changed=refused), findings, moving

    def _allowed(self, confirmed: Sequence[Confirmed]) -> tuple[Sequence[Confirmed], int]:
        """Return what may be acted on, and how many differences a person's permission does not cover."""
        permission = self._permission
        if permission is None:
            return confirmed, 0
        allowed = [each for each in confirmed if permission.allows(each.product_id, each.difference.discrepancy)]
        return allowed, len(confirmed) - len(allowed)

    def _finding(self, confirmed: Confirmed) -> Finding:
        difference, plan, permission = confirmed.difference, self._plan, self._permission
        return Finding(
            product_id=confirmed.product_id,
            difference=difference,
            reason=reason_for(difference, plan.auto_restore_limit) if permission is None else permission.reason,
            detected_at_ms=self._progress.started_ms,
            event_id=event_id(plan.run_id, plan.pass_number, confirmed.product_id, difference),
            held=confirmed.held,
            decided=None
            if permission is None
            else Decided(permission.approved_by, before=difference.redis_stock, after=difference.db_stock),
            name=confirmed.name,
        )

    def _close(self) -> None:
        """Publish what is committed, and note how far it all has come; without a group, nothing."""
        if not self._committed:
            return
        findings = list(chain.from_iterable(self._committed))
        if findings:
            self._stores.publisher.publish(self._plan.identity, findings)
            self._reached("published")
        self._save(self._progress, clear=[finding.product_id for finding in findings])
        self._committed.clear()

    def _save(self, progress: Progress, *, clear: list[str]) -> None:
        self._stores.journal.save(progress)
        self._reached("saved")
        self._stores.outbox.clear(clear, progress)
        self._reached("cleared")

    def _products(self, id_range: IdRange) -> int:
        return 0 if self._progress.done else self._stores.ledger.count(id_range, None)

    def _from_where(self) -> str:
        position = self._progress.position
        return "" if position is None else f", going on after {printable(position)}"
