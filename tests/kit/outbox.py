"""One run's outbox on a real Redis, and what is committed to it."""

from stocksync.adapters.redis_outbox import RedisOutbox, listed_outboxes
from stocksync.model.finding import RunIdentity
from stocksync.model.policy import Action
from stocksync.reconcile.ports import Proposal
from stocksync.reconcile.sizes import STANDARD
from tests.kit.findings import finding

DATE = "2026-03-02"
RUN = RunIdentity("manual__one", "manual", DATE)


def proposal(product_id="a", expected=b"97", action=Action.REDIS_RESTORED):
    """Restore a counter to 100 if it still holds `expected`; None: if it is still missing."""
    missing = expected is None
    found = finding(product_id, db=100, redis=0 if missing else int(expected), action=action, key_missing=missing)
    return Proposal(found, expected)


class PromptOutbox(RedisOutbox):
    """Waits for no decision of anybody else's to lapse."""

    def _let_lapse(self):
        pass


def outbox_of(cache, index=0, run=RUN, kind=PromptOutbox):
    """The outbox of one range."""
    return kind(cache, run, index, "stock:", STANDARD.commit)


def listed(cache):
    """Every outbox that holds something."""
    return list(listed_outboxes(cache, "stock:", STANDARD.commit))
