"""Publish what dead tasks left behind, of this run or an earlier one."""

import logging

from stocksync.model.finding import RunIdentity
from stocksync.model.text import printable
from stocksync.reconcile.ports import AlertPublisher, Outbox
from stocksync.reconcile.recovery import first_progress, recover

log = logging.getLogger(__name__)


def drain(outbox: Outbox, publisher: AlertPublisher, identity: RunIdentity, index: int, auto_restore_limit: int) -> int:
    """Publish one outbox, count its findings into the range's noted progress, and clear it.

    Returns:
        how many findings it held
    """
    noted = outbox.take_over()
    pending = outbox.pending()
    left = [entry.finding.product_id for entry in pending]
    if left:
        progress = noted or first_progress(pending, pass_number=0, now_ms=0)
        progress = recover(pending, progress, publisher, identity, auto_restore_limit)
        outbox.clear(left, progress)
        log.info("published %d events that range %d of run %s had left", len(left), index, printable(identity.run_id))
    return len(left)
