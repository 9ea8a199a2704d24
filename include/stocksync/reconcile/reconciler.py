"""Reconcile one range of product ids: compare, wait, look again, restore or report, publish, remember.

    scan ──► group of suspects ──► settle ──► second look ──► commit ──► publish ──► save ──► clear
     ▲            (queue)                          │         restore +   events      Airflow   outbox
     └── goes on while groups settle               │         outbox      acknowledged
                                                   └──► still moving: looked at again at the range's end

Groups finish in order, so the progress is one id, and only the group in work can have anything in the outbox.
Whatever step the process dies in, the next attempt finds in the journal and the outbox what has been done.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from stocksync.model.finding import Finding, event_id, reason_for
from stocksync.model.id_range import IdRange
from stocksync.model.plan import RunPlan
from stocksync.model.policy import Rules
from stocksync.model.progress import Progress, RangeOutcome
from stocksync.model.tally import Tally
from stocksync.model.text import printable
from stocksync.reconcile.first_look import Suspect, SuspectGroup, groups
from stocksync.reconcile.ports import (
    AlertPublisher,
    Clock,
    Journal,
    Outbox,
    Proposal,
    RunLock,
    StockCache,
    StockLedger,
)
from stocksync.reconcile.progress_log import ScanProgress, in_words, name
from stocksync.reconcile.recovery import take_over
from stocksync.reconcile.second_look import Confirmed, look_again
from stocksync.reconcile.settle_queue import settled
from stocksync.reconcile.sizes import STANDARD, Sizes

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


class Reconciler:
    """One use: construct it for a range and call `run`.

    Args:
        stores: the adapters
        plan: the run
        rules: the thresholds
        settle: how long a difference must stand unchanged
        pace: most products a second that the range is read with; None: no limit
        sizes: what is done at once
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
        reached: Callable[[str], None] = lambda _step: None,
    ) -> None:
        self._stores = stores
        self._plan = plan
        self._rules = rules
        self._settle = settle.total_seconds()
        self._reached = reached
        self._progress = Progress(started_ms=0)
        self._late = False
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
        stores, late = self._stores, self._out_of_time()
        if not late:
            stores.lock.hold()
        self._progress = self._resume()
        if not self._progress.done and not late:
            log.info("range %s: begun%s", id_range.label, self._from_where())
            scan = self._scan(id_range)
            for group in settled(
                scan,
                stores.cache,
                stores.clock,
                settle=self._settle,
                late=self._out_of_time,
                most=self._sizes.settling,
            ):
                self._finish(group)
            if self._progress.done is False and not self._out_of_time():
                self._finish_moving()
        outcome = self._outcome(id_range)
        log.info("range %s: %s", id_range.label, in_words(outcome))
        return outcome

    def _resume(self) -> Progress:
        """Load what survived, settle the outbox, and begin a new pass if a person cleared a finished range."""
        stores = self._stores
        left = take_over(stores.outbox)
        now_ms = int(stores.clock.now().timestamp() * 1000)
        # Only the one writer can note its progress beside the outbox. An attempt that was given up and is still alive
        # can write to the journal: that counts only where the note is lost.
        progress = left.noted or stores.journal.load() or left.first_progress(self._plan.pass_number, now_ms)
        if progress.done and progress.pass_number != self._plan.pass_number:
            progress = progress.next_pass(self._plan.pass_number)
        if left.pending:
            progress = left.publish(progress, stores.publisher, self._plan.identity)
            self._reached("recovered")
            log.info("an earlier attempt left %d events in the outbox: published", len(left.pending))
            self._save(progress, clear=left.product_ids)
        elif left.noted is None:
            stores.outbox.clear([], progress)
        return progress

    def _scan(self, id_range: IdRange) -> Iterator[SuspectGroup]:
        """Stream the range and cut it into groups, until its end or the end of the time."""
        stores, progress = self._stores, self._progress
        pairs = stores.cache.read_along(stores.ledger.scan(id_range, progress.position))
        scan = ScanProgress(stores.clock, self._pace, total=id_range.rows, before=progress.tally.products)

        def until_the_time_is_up() -> Iterator[tuple]:  # type: ignore[type-arg]
            for batch, values in pairs:
                if self._out_of_time():
                    return
                scan.compared(len(values), self._progress.tally)
                yield batch, values

        for group in groups(
            until_the_time_is_up(),
            rules=self._rules,
            counted_before=frozenset(progress.counted_ahead),
            size=self._sizes.group,
        ):
            name("no stock number", group.invalid)
            yield group

    def _finish(self, group: SuspectGroup) -> None:
        """Second look, commit, publish, save, clear: one group from suspicion to done."""
        self._reached("settled")
        progress = self._progress
        moving = list(progress.moving)
        tally, findings, still = self._look_and_commit(group.suspects)
        room = self._sizes.moving - len(moving)
        moving += self._remember(still[:room])
        tally += group.tally + self._give_up([suspect.product_id for suspect in still[room:]])
        self._close(
            replace(
                progress,
                group=progress.group + 1,
                position=group.position or progress.position,
                tally=progress.tally + tally,
                moving=tuple(moving),
                counted_ahead=tuple(i for i in progress.counted_ahead if i not in group.counted_before),
                done=group.last and not moving and not self._out_of_time(),
            ),
            findings,
        )

    def _finish_moving(self) -> None:
        """Give the products that kept changing a few more chances; what still moves is left for the next run."""
        progress = self._progress
        moving = list(progress.moving)
        tally, findings = Tally(), list[Finding]()
        for _ in range(self._sizes.looks):
            if not moving or self._out_of_time():
                break
            self._let_settle()
            suspects = [self._seen.pop(product_id, Suspect(product_id, seen=None)) for product_id in moving]
            looked, found, still = self._look_and_commit(suspects)
            moving = self._remember(still)
            tally += looked
            findings += found
        name("still changing, left alone", moving)
        tally += self._give_up(moving)
        self._close(
            replace(
                progress,
                group=progress.group + 1,
                tally=progress.tally + tally,
                moving=(),
                done=True,
            ),
            findings,
        )

    def _let_settle(self) -> None:
        """Wait until everything seen before was seen long enough ago to be believed if it still stands."""
        clock = self._stores.clock
        if self._seen:
            clock.sleep(max(0.0, self._seen_at + self._settle - clock.monotonic()))

    def _remember(self, still: Sequence[Suspect]) -> list[str]:
        """Keep what the moving products showed, for the next look; return their ids."""
        self._seen |= {suspect.product_id: suspect for suspect in still}
        return [suspect.product_id for suspect in still]

    def _give_up(self, product_ids: Sequence[str]) -> Tally:
        """Leave products to the next run."""
        self._stores.cache.forget(product_ids)
        return Tally(changed=len(product_ids))

    def _look_and_commit(self, suspects: Sequence[Suspect]) -> tuple[Tally, list[Finding], list[Suspect]]:
        """Return what was counted, what was committed, and who is still moving."""
        stores = self._stores
        look = look_again(suspects, ledger=stores.ledger, cache=stores.cache, rules=self._rules)
        self._seen_at = stores.clock.monotonic()
        name("no stock number", look.invalid)
        name("orders in doubt, so not restored", look.in_doubt)
        self._reached("looked again")
        proposals = [Proposal(self._finding(confirmed), confirmed.cache) for confirmed in look.confirmed]
        written = stores.outbox.commit(self._progress.group, proposals)
        self._reached("committed")
        findings, moving = list[Finding](), look.moving
        for confirmed, proposal, ok in zip(look.confirmed, proposals, written, strict=True):
            if ok:
                findings.append(proposal.finding)
            else:  # a sale came between the second look and the write
                moving.append(Suspect(confirmed.product_id, seen=None))
        return look.tally + Tally.of(findings), findings, moving

    def _finding(self, confirmed: Confirmed) -> Finding:
        difference, plan = confirmed.difference, self._plan
        return Finding(
            product_id=confirmed.product_id,
            difference=difference,
            reason=reason_for(difference, plan.auto_restore_limit),
            detected_at_ms=self._progress.started_ms,
            event_id=event_id(plan.run_id, plan.pass_number, confirmed.product_id, difference),
            held=confirmed.held,
        )

    def _close(self, progress: Progress, findings: list[Finding]) -> None:
        if findings:
            self._stores.publisher.publish(self._plan.identity, findings)
            self._reached("published")
        self._save(progress, clear=[finding.product_id for finding in findings])

    def _save(self, progress: Progress, *, clear: list[str]) -> None:
        self._stores.journal.save(progress)
        self._reached("saved")
        self._stores.outbox.clear(clear, progress)
        self._reached("cleared")
        self._progress = progress

    def _outcome(self, id_range: IdRange) -> RangeOutcome:
        progress = self._progress
        # Without the end of the range, what was still moving stays as the shop left it: that is "changed".
        tally = progress.tally + Tally(changed=len(progress.moving))
        left = 0 if progress.done else self._stores.ledger.count(id_range, None) - tally.products
        return RangeOutcome(id_range.index, tally, max(0, left), self._stores.ledger.held_units(id_range))

    def _out_of_time(self) -> bool:
        # Once late, late for good: a wall clock set back must not make a scan that was cut short look finished.
        self._late = self._late or self._stores.clock.now() >= self._plan.stop_time
        return self._late

    def _from_where(self) -> str:
        position = self._progress.position
        return "" if position is None else f", going on after {printable(position)}"
