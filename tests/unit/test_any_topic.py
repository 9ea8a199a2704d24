"""Whatever lies on the topic and whatever is down meanwhile: every event is told once, every poison put aside once."""

from collections import Counter
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from stocksync.alerting.batch import TOKEN_BYTES, token
from stocksync.errors import ChannelDown, NotDelivered
from tests.kit.fakes.office import DeliveryOnFakes, critical, low

RECORD = st.tuples(
    st.sampled_from(["low", "critical", "poison", "odd"]), st.integers(0, 1), st.sampled_from(["run-1", "run-2", None])
)
PASS = st.fixed_dictionaries(
    {
        "arrives": st.lists(RECORD, max_size=6),
        "publishing": st.sets(st.sampled_from(["run-1", "run-2"])),
        "dead_letters": st.booleans(),
        "slack": st.booleans(),
    }
)


def put_on(office, kind, partition, run_id, number):
    """Put one record on the topic; return its event id, if it has one."""
    if kind in {"poison", "odd"}:
        office.topic.publish_bytes(f"{kind} {number}".encode(), partition=partition)
        return None
    found = (low if kind == "low" else critical)(f"PRD-{number}")
    office.topic.publish(found, run_id=run_id, partition=partition)
    return found.event_id


def told(log):
    joined = b"".join(log.tokens(group) for group in log.groups())
    return Counter(joined[start : start + TOKEN_BYTES] for start in range(0, len(joined), TOKEN_BYTES))


@given(st.lists(PASS, min_size=1, max_size=6))
def test_every_event_is_told_once_and_every_poison_put_aside_once(passes):
    office, events, number = DeliveryOnFakes(), [], 0
    for each in passes:
        for record in each["arrives"]:
            number += 1
            events.append(put_on(office, *record, number))
        office.publishing = each["publishing"]
        office.dead_letters.refuses = "" if each["dead_letters"] else "down"
        office.dead_letters.refused_values = {r.value for r in office.topic.records if r.value.startswith(b"odd")}
        office.chat.refusals = [] if each["slack"] else [ChannelDown("503")]
        with suppress(NotDelivered):
            office.run()
    office.publishing, office.dead_letters.refuses, office.dead_letters.refused_values = set(), "", set()
    office.chat.refusals = []
    office.run()

    published = {token(event_id) for event_id in events if event_id}
    assert told(office.delivery_logs["slack"]) == Counter(published)
    values = [record.value for record, _ in office.dead_letters.poison]
    assert Counter(values) == Counter(r.value for r in office.topic.records if r.value.startswith((b"poison", b"odd")))
    ends = Counter(record.partition for record in office.topic.records)
    assert office.topic.committed == dict(ends)
