"""Picking up what a dead attempt left in its outbox."""

from collections.abc import Sequence

from stocksync.model.finding import Alert, Finding, RunIdentity, reason_for
from stocksync.model.progress import Progress
from stocksync.reconcile.ports import AlertPublisher, Pending


def first_progress(pending: Sequence[Pending], pass_number: int, now_ms: int) -> Progress:
    """Begin a range of which nothing is noted.

    An attempt that died in its first group may have published what it left in the outbox, under the time it began;
    the range keeps that time, or finding a product again would make another copy of its event with other bytes.
    """
    return Progress(min((entry.finding.detected_at for entry in pending), default=now_ms), pass_number)


def unfinished(pending: Sequence[Pending], progress: Progress) -> list[Finding]:
    """Return the findings of the group that was in work; those of finished groups are published and counted."""
    return [entry.finding for entry in pending if entry.group >= progress.group]


def recover(
    pending: Sequence[Pending],
    progress: Progress,
    publisher: AlertPublisher,
    identity: RunIdentity,
    auto_restore_limit: int,
) -> Progress:
    """Publish what was committed and perhaps never published, and count what was not counted yet.

    A finding of a finished group was published and counted before its attempt died: it only has to be forgotten.
    A finding of the group in work is published (again, in the same bytes, if it had been) and counted now.

    Returns:
        the progress that counts it all; the outbox is still full: save the progress, then clear it.
    """
    findings = unfinished(pending, progress)
    if not findings:
        return progress
    publisher.publish(alerts(findings, identity, auto_restore_limit))
    return progress.with_leftovers(findings)


def alerts(findings: list[Finding], identity: RunIdentity, auto_restore_limit: int) -> list[Alert]:
    """Make the events that tell of findings."""
    return [Alert(f, identity.headers(reason_for(f, auto_restore_limit))) for f in findings]
