"""What a person allowed is restored by the engine of the night, and says so on the topic."""

from dataclasses import dataclass

import pytest

from stocksync.adapters.event_codec import APPROVED_BY, DECISION_ID, REASON, EventDecoder
from stocksync.alerting.ports import Record
from stocksync.model.finding import Finding
from tests.kit.fakes.shop import FakeShop
from tests.kit.fakes.stores import CODEC


@dataclass(frozen=True)
class UpTo:
    """Allows differences of the sign of what was seen and not larger, for every product."""

    seen: int
    approved_by: str = "kim"
    reason: str = "counted by hand"

    def allows(self, _product_id, discrepancy):
        return discrepancy * self.seen > 0 and abs(discrepancy) <= abs(self.seen)


@pytest.mark.parametrize("cached", [20, None])
def test_a_large_difference_is_restored_when_a_person_allowed_it(cached):
    world = FakeShop({"a": (100, cached)}, policy="ignore")

    world.attempt(permission=UpTo(100))

    assert world.counter("a") == "100"
    [published] = world.publisher.delivered
    value, headers = published.copy()
    assert CODEC.decode(value)["action"] == "REDIS_RESTORED"
    assert headers[APPROVED_BY] == b"kim"
    assert headers[DECISION_ID] == world.plan.run_id.encode()
    assert headers[REASON] == b"counted by hand"


@pytest.mark.parametrize("seen", [79, -80])
def test_a_difference_that_nobody_allowed_is_left_alone_and_makes_no_event(seen):
    world = FakeShop({"a": (100, 20)})

    outcome = world.attempt(permission=UpTo(seen))

    assert world.counter("a") == "20"
    assert world.events() == {}
    assert outcome.tally.changed == 1


def test_even_a_small_difference_is_left_alone_where_a_person_allowed_another():
    world = FakeShop({"a": (100, 97)})

    world.attempt(permission=UpTo(-3))

    assert world.counter("a") == "97"


def test_who_decided_and_what_was_written_survive_in_the_outbox():
    world = FakeShop({"a": (100, 20)})
    world.publisher.room = 0
    with pytest.raises(Exception, match="not acknowledged"):
        world.attempt(permission=UpTo(80))

    [left] = world.outbox.pending()
    again = Finding.from_dict(left.finding.to_dict())

    assert again == left.finding
    assert (again.decided.by, again.decided.before, again.decided.after) == ("kim", 20, 100)


def test_the_alerts_read_who_decided_and_why():
    world = FakeShop({"a": (100, 20)})
    world.attempt(permission=UpTo(80))
    value, headers = world.publisher.delivered[0].copy()

    event = EventDecoder(CODEC.decode).decode(Record(0, 0, 0, b"a", value, list(headers.items())))

    assert (event.approved_by, event.decision_id, event.reason) == ("kim", world.plan.run_id, "counted by hand")
