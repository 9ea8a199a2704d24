"""Findings as a comparison would make them: one, or any."""

import uuid
from datetime import UTC, datetime
from itertools import count

from hypothesis import strategies as st

from stocksync.alerting.ports import AlertEvent
from stocksync.model.finding import Finding
from stocksync.model.policy import Action, Difference, Rules, action_for, severity_of

DETECTED_MS = 1_705_252_500_000
"""2024-01-15 02:15:00 in Seoul."""
THAT_NIGHT = datetime(2024, 1, 14, 17, 20, tzinfo=UTC)
"""Five minutes later: when people are told of it."""
STOCK = st.integers(0, 200)
_numbers = count(1)


def finding(
    product_id="PRD-001", *, db=100, redis=95, action=None, key_missing=False, detected_at_ms=DETECTED_MS, event_id=None
):
    """A finding by the default rules, unless told otherwise; each has an event id of its own."""
    gap = db - redis
    action = action or action_for(gap, key_missing=key_missing, rules=Rules())
    difference = Difference(db, redis, gap, severity_of(gap), action, key_missing)
    return Finding(product_id, difference, "because", detected_at_ms, event_id or str(uuid.UUID(int=next(_numbers))))


def event(product_id="PRD-001", *, db=100, redis=95, action=None, event_id=None, detected_at_ms=DETECTED_MS):
    """What a reader of the topic makes of such a finding."""
    gap = db - redis
    return AlertEvent(
        event_id=event_id or str(uuid.UUID(int=next(_numbers))),
        product_id=product_id,
        db_stock=db,
        redis_stock=redis,
        discrepancy=gap,
        severity=severity_of(gap),
        action=action or action_for(gap, key_missing=False, rules=Rules()),
        detected_at_ms=detected_at_ms,
    )


@st.composite
def findings(draw):
    """Some discrepancies of different products."""
    ids = draw(st.lists(st.text(max_size=3), unique=True, max_size=30))
    return [_any_finding(draw, product_id) for product_id in ids]


def _any_finding(draw, product_id):
    redis = draw(STOCK)
    gap = draw(STOCK) - redis or 1
    action, missing = draw(st.sampled_from(Action)), draw(st.booleans())
    return finding(product_id, db=redis + gap, redis=redis, action=action, key_missing=missing)
