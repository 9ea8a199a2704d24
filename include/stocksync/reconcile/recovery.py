"""Picking up what a dead attempt left in its outbox."""

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from stocksync.errors import Superseded
from stocksync.model.finding import Finding, RunIdentity
from stocksync.model.progress import Progress
from stocksync.model.text import printable
from stocksync.reconcile.ports import AlertPublisher, ListedOutbox, Outbox, Pending

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What an outbox held when it was taken over.

    Attributes:
        noted: the progress that came with the last `clear`; None: there was none
        pending: the findings that were not cleared
    """

    noted: Progress | None
    pending: tuple[Pending, ...]

    @property
    def product_ids(self) -> list[str]:
        """Whose findings they are."""
        return [entry.finding.product_id for entry in self.pending]

    def first_progress(self, pass_number: int, now_ms: int) -> Progress:
        """Begin a range of which nothing is noted.

        An attempt that died in its first group may have published what it left in the outbox, under the time it
        began; the range keeps that time, or finding a product again would make another copy of its event with other
        bytes.
        """
        return Progress(min((entry.finding.detected_at_ms for entry in self.pending), default=now_ms), pass_number)

    def unfinished(self, progress: Progress) -> list[Finding]:
        """Return the findings of the groups that were in work; those of finished groups are published and counted."""
        return [entry.finding for entry in self.pending if entry.group >= progress.group]

    def counted_in(self, progress: Progress) -> Progress:
        """Add to a range's progress what it does not count yet."""
        last_group = max((entry.group for entry in self.pending), default=0)
        return progress.with_leftovers(self.unfinished(progress), last_group)

    def publish(self, progress: Progress, publisher: AlertPublisher, run: RunIdentity) -> Progress:
        """Publish what was committed and perhaps never published.

        Groups finish in order, so a finding belongs to a group in work (published or not: publish again, the bytes
        are the same), or to a group that is counted already and only lacked the clearing of its outbox.

        Returns:
            the progress that counts it all; the outbox is still full: save the progress, then clear it

        Raises:
            PublishFailed: the broker did not acknowledge every event.
        """
        findings = self.unfinished(progress)
        if findings:
            publisher.publish(run, findings)
        return self.counted_in(progress)


def take_over(outbox: Outbox) -> Leftovers:
    """Become an outbox's one writer, and read what an earlier attempt left there."""
    noted = outbox.take_over()
    return Leftovers(noted, tuple(outbox.pending()))


def drain(listed: ListedOutbox, publisher: AlertPublisher) -> int:
    """Publish one outbox, count its findings into the range's noted progress, and clear it.

    Returns:
        how many findings it held

    Raises:
        PublishFailed: the broker did not acknowledge every event; the outbox still holds them.
    """
    left = take_over(listed.outbox)
    if left.pending:
        noted = left.noted or left.first_progress(pass_number=0, now_ms=0)
        progress = left.publish(noted, publisher, listed.run)
        listed.outbox.clear(left.product_ids, progress)
        run_id = printable(listed.run.run_id)
        log.info("published %d events that range %d of run %s had left", len(left.pending), listed.index, run_id)
    return len(left.pending)


def shut_out(outboxes: Iterable[ListedOutbox], *, run_id: str, at_work: Callable[[RunIdentity], bool]) -> None:
    """Refuse what attempts of other runs have announced and not yet written: their lock is another's now.

    Args:
        outboxes: every outbox that may hold something
        run_id: the run that holds the lock
        at_work: whether another run still holds its own
    """
    for listed in outboxes:
        if listed.run.run_id != run_id and not at_work(listed.run):
            # Superseded: another task of this run shuts it out as well, wherever this one came too late.
            with suppress(Superseded):
                listed.outbox.take_over()


def drain_all(
    outboxes: Iterable[ListedOutbox],
    publisher: AlertPublisher,
    *,
    run_id: str,
    at_work: Callable[[RunIdentity], bool],
) -> int:
    """Publish what dead tasks left behind, of this run or of an earlier one that is over.

    Args:
        outboxes: every outbox that holds something
        publisher: the topic
        run_id: the run that drains
        at_work: whether another run still holds its lock: its outbox is left to it

    Returns:
        how many findings there were
    """
    published = 0
    for listed in outboxes:
        if listed.run.run_id != run_id and at_work(listed.run):
            log.info("run %s is at work: its outbox is left to it", printable(listed.run.run_id))
            continue
        published += drain(listed, publisher)
    return published
