"""Publishing what decisions wrote, and noting what became of their products in the same step."""

from collections.abc import Callable, Sequence
from datetime import datetime

from stocksync.model.finding import Finding, RunIdentity
from stocksync.review.decision import written
from stocksync.review.ports import DecisionLog, Topic


class RecordedTopic:
    """Stands before the topic wherever an outbox is published, be it by the decision's own run or by a later one.

    An outbox is cleared only after this: so a counter that was written for a decision has an outcome, or its record is
    still in the outbox.

    Args:
        topic: the topic
        log: the audit
        now: the present
    """

    def __init__(self, topic: Topic, log: DecisionLog, now: Callable[[], datetime]) -> None:
        self._topic = topic
        self._log = log
        self._now = now

    def publish(self, run: RunIdentity, findings: Sequence[Finding]) -> None:
        """Publish, then note; what was taken back and agrees now is no discrepancy, so it makes no event."""
        self._topic.publish(run, [finding for finding in findings if finding.difference.discrepancy])
        outcomes = [outcome for outcome in map(written, findings) if outcome is not None]
        if outcomes:
            self._log.note(run.run_id, outcomes, self._now())

    def check(self) -> None:
        """Find out whether events can be published at all."""
        self._topic.check()
