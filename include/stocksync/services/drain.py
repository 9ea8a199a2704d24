"""Publish what dead tasks left behind, of this run or an earlier one."""

import logging

from stocksync.domain.finding import RunIdentity
from stocksync.domain.progress import Progress
from stocksync.domain.text import printable
from stocksync.ports import AlertPublisher, Outbox
from stocksync.services.recover import recover

log = logging.getLogger(__name__)


def drain(outbox: Outbox, publisher: AlertPublisher, identity: RunIdentity, index: int, auto_restore_limit: int) -> int:
    """Publish one outbox, count its findings into the range's noted progress, and clear it.

    Returns:
        how many findings it held
    """
    noted = outbox.take_over()
    found = [entry.finding for entry in outbox.pending()]
    left = [finding.product_id for finding in found]
    if left:
        # Nothing noted: the attempt died in its first group, and what it found carries the time it began.
        progress = noted or Progress(started_ms=min(finding.detected_at for finding in found))
        progress = recover(outbox, progress, publisher, identity, auto_restore_limit)
        outbox.clear(left, progress)
        log.info("published %d events that range %d of run %s had left", len(left), index, printable(identity.run_id))
    return len(left)
