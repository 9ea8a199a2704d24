"""One unreadable message, whatever its size and whatever becomes of it, never silences the good ones."""

import pytest

from stocksync.errors import (
    BadSetting,
    CacheUnavailable,
    ChannelDown,
    NotDeliverable,
    NotDelivered,
    RegistryUnavailable,
    TopicUnavailable,
)
from tests.kit.fakes.delivery import DECODER
from tests.kit.fakes.office import DIGEST, URGENT, DeliveryOnFakes, critical, low
from tests.kit.findings import event

NEEDS_A_REGISTRY = b"confluent"


class WithoutRegistry:
    """Reads what needs none; what needs one raises, until there is one."""

    def __init__(self, error):
        self.error = error

    def decode(self, record):
        if record.value != NEEDS_A_REGISTRY:
            return DECODER.decode(record)
        if self.error is not None:
            raise self.error
        return event("PRD-late", db=100, redis=0, event_id="late")


@pytest.fixture
def office():
    return DeliveryOnFakes()


@pytest.mark.fault(21)
def test_the_good_ones_are_told_though_the_dead_letter_topic_takes_nothing(office):
    office.dead_letters.refuses = "there is no such topic"
    office.topic.publish(low("PRD-before"))
    office.topic.publish_bytes(b"poison")
    office.topic.publish(critical("PRD-behind"))
    office.topic.publish(low("PRD-elsewhere"), partition=1)
    with pytest.raises(NotDelivered, match=r"partition 0, offset 1: there is no such topic") as red:
        office.run()
    assert not isinstance(red.value, NotDeliverable)
    assert office.chat.titles == [URGENT, DIGEST]
    assert [incident.dedup_key for incident in office.pager.triggered] == ["stock-sync/product/PRD-behind"]
    assert office.topic.committed == {0: 1, 1: 1}


def test_the_good_ones_are_told_before_anything_is_put_aside(office):
    told_before = []
    office.topic.publish_bytes(b"poison")
    office.topic.publish(low())
    put = office.dead_letters.put
    office.dead_letters.put = lambda poison: told_before.extend(office.chat.titles) or put(poison)
    office.run()
    assert told_before == [DIGEST]
    assert len(office.dead_letters.poison) == 1


@pytest.mark.fault(21)
def test_what_is_told_behind_the_poison_is_never_told_again_and_the_poison_goes_when_it_can(office):
    office.dead_letters.refuses = "down"
    office.topic.publish_bytes(b"poison")
    office.topic.publish(critical("PRD-1"))
    for number in range(2, 5):
        with pytest.raises(NotDelivered):
            office.run()
        office.topic.publish(critical(f"PRD-{number}"))
    office.dead_letters.refuses = ""
    delivery = office.run()
    assert (delivery.events, delivery.repeated, delivery.poison) == (4, 3, 1)
    assert office.chat.titles == [URGENT] * 4
    assert len(office.pager.triggered) == 4
    assert [record.offset for record, _ in office.dead_letters.poison] == [0]
    assert office.topic.committed == {0: 5}


def test_one_message_the_dead_letter_topic_will_not_take_does_not_keep_the_other_poison(office):
    office.dead_letters.refused_values = {b"odd"}
    for value in (b"poison", b"odd", b"more poison"):
        office.topic.publish_bytes(value)
    office.topic.publish(low())
    for _ in range(2):
        with pytest.raises(NotDelivered, match=r"1 unreadable message .*partition 0, offset 1: not this one"):
            office.run()
    assert [record.value for record, _ in office.dead_letters.poison] == [b"poison", b"more poison"]
    assert office.chat.titles == [DIGEST]
    assert office.topic.committed == {0: 1}


def test_a_dead_letter_topic_that_is_down_is_asked_once_in_a_pass_however_much_poison_there_is(office):
    office.dead_letters.refuses = "no answer"
    for _ in range(2_000):
        office.topic.publish_bytes(b"poison")
    office.topic.publish(low())
    with pytest.raises(NotDelivered, match=r"2,000 unreadable messages .*offset 0: no answer.*and 1,990 more"):
        office.run()
    assert office.dead_letters.puts == 1
    assert office.chat.titles == [DIGEST]


def test_large_poison_is_not_hoarded(office):
    for _ in range(40):
        office.topic.publish_bytes(b"x" * 1_000_000)
    office.run()
    assert len(office.dead_letters.poison) == 40
    assert office.dead_letters.puts >= 40 // 9


def test_poison_that_is_put_aside_and_cannot_be_noted_stays_and_the_good_ones_are_told(office):
    class NotNow(type(office.dead_letter_log)):
        def known(self):
            raise CacheUnavailable("Redis does not answer")

    office.dead_letter_log = NotNow()
    office.topic.publish_bytes(b"poison")
    office.topic.publish(low())
    with pytest.raises(NotDelivered, match=r"partition 0, offset 0: Redis does not answer"):
        office.run()
    assert office.chat.titles == [DIGEST]
    assert office.topic.committed == {0: 0}


@pytest.mark.fault(21)
@pytest.mark.parametrize(
    ("error", "says", "permanent"),
    [
        (BadSetting("STOCK_SYNC_SCHEMA_REGISTRY_URL='' cannot be"), "STOCK_SYNC_SCHEMA_REGISTRY_URL=''", True),
        (RegistryUnavailable("the registry answers 503"), "answers 503", False),
        (KeyError("a bug of ours"), "a bug of ours", False),
    ],
)
def test_an_event_that_cannot_be_read_now_waits_and_the_others_are_told(office, error, says, permanent):
    office.decoder = WithoutRegistry(error)
    office.topic.publish(low())
    office.topic.publish_bytes(NEEDS_A_REGISTRY)
    office.topic.publish(critical())
    with pytest.raises(NotDelivered, match=f"partition 0, offset 1: .*{says}") as red:
        office.run()
    assert isinstance(red.value, NotDeliverable) is permanent
    assert office.chat.titles == [URGENT, DIGEST]
    assert office.dead_letters.poison == []
    assert office.topic.committed == {0: 1}
    office.decoder.error = None
    office.run()
    assert office.chat.titles == [URGENT, DIGEST, URGENT]
    assert "PRD-late" in office.chat.messages[-1].body
    assert office.topic.committed == {0: 3}


def test_slack_down_and_poison_nobody_takes_are_both_said_and_nothing_is_committed(office):
    office.dead_letters.refuses = "down"
    office.topic.publish_bytes(b"poison")
    office.topic.publish(critical())
    office.chat.refusals = [ChannelDown("503")]
    with pytest.raises(NotDelivered, match=r"slack: 503.*partition 0, offset 0: down"):
        office.run()
    assert office.topic.commits == 0
    assert len(office.pager.triggered) == 1


def test_poison_behind_a_run_that_still_publishes_moves_no_offset(office):
    office.publishing = {"run-2"}
    office.topic.publish(low(), run_id="run-2")
    office.topic.publish_bytes(b"poison")
    office.dead_letters.refuses = "down"
    office.topic.publish(low(), run_id="run-1")
    with pytest.raises(NotDelivered):
        office.run()
    assert office.topic.committed.get(0, 0) == 0
    office.publishing, office.dead_letters.refuses = set(), ""
    office.run()
    assert office.chat.titles == [DIGEST, DIGEST]
    assert office.topic.committed == {0: 3}


def test_what_was_read_before_a_partition_fell_silent_is_told(office):
    office.topic.publish(critical())
    office.topic.silent = TopicUnavailable("partition 2: leader not available")
    with pytest.raises(NotDelivered, match="topic: partition 2: leader not available"):
        office.run()
    assert office.chat.titles == [URGENT]
    assert office.topic.committed == {0: 1}
    office.topic.silent = None
    assert office.run().events == 0


def test_a_run_airflow_will_not_speak_of_keeps_only_its_own_events(office):
    class Airflow(set):
        def __contains__(self, run_id):
            if run_id == "odd":
                raise RuntimeError("500 from the API server")
            return False

    office.publishing = Airflow()
    office.topic.publish(low(), run_id="run-1")
    office.topic.publish(critical("PRD-odd"), run_id="odd")
    office.topic.publish(critical(), run_id="run-2")
    with pytest.raises(NotDelivered, match=r"partition 0, offset 1: .*500 from the API server"):
        office.run()
    assert office.chat.titles == [URGENT, DIGEST]
    assert office.topic.committed == {0: 1}
    office.publishing = set()
    office.run()
    assert "PRD-odd" in office.chat.messages[-1].body


@pytest.mark.parametrize("run_id", ["\0", "a\nb", "\u202e", "x" * 251])
def test_a_run_id_that_airflow_cannot_have_made_is_no_run_and_airflow_is_not_asked(office, run_id):
    class Airflow(set):
        def __contains__(self, run_id):
            raise AssertionError(run_id)

    office.publishing = Airflow()
    office.topic.publish(critical(), run_id=run_id)
    office.run()
    assert office.chat.titles == [URGENT]
