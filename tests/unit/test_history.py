"""Every event is kept while people are told, and a store that fails silences nobody."""

import pytest

from stocksync.alerting.ports import Delivered, OpenIncident
from stocksync.alerting.two_memories import TwoDeliveryLogs, TwoOpenIncidents
from stocksync.errors import (
    BadSetting,
    CacheUnavailable,
    NotDeliverable,
    NotDelivered,
    OperationsUnavailable,
    TopicUnavailable,
)
from tests.kit.fakes.delivery import FakeDeliveryLog, FakeIncidents
from tests.kit.fakes.office import DIGEST, URGENT, DeliveryOnFakes, critical, low

DOWN = OperationsUnavailable("it is down")


def office_with(*events):
    office = DeliveryOnFakes()
    for each in events:
        office.topic.publish(each)
    return office


def test_every_event_is_kept_also_those_that_are_only_counted():
    office = office_with(*(low(f"PRD-{number}") for number in range(50)), critical())
    office.run()
    assert len(office.findings_log.events) == 51
    assert office.findings_log.complete == {"run-1"}


def test_an_event_is_kept_though_no_channel_is_configured():
    office = office_with(low())
    office.configured = ()
    office.run()
    assert len(office.findings_log.events) == 1


def test_a_run_that_still_publishes_is_neither_kept_nor_complete():
    office = office_with(low())
    office.publishing = {"run-1"}
    office.run()
    assert (office.findings_log.events, office.findings_log.complete) == ({}, set())


def test_a_store_that_is_down_silences_nobody_and_is_named():
    office = office_with(low(), critical())
    office.findings_log.broken = DOWN
    with pytest.raises(NotDelivered, match=r"people were told, and not all .* operations store: it is down"):
        office.run()
    assert office.chat.titles == [URGENT, DIGEST]
    assert len(office.pager.triggered) == 1
    assert office.topic.commits == 0


def test_what_was_told_while_the_store_was_down_is_kept_later_and_not_told_again():
    office = office_with(low(), critical())
    office.findings_log.broken = DOWN
    with pytest.raises(NotDelivered):
        office.run()
    told, office.findings_log.broken = len(office.chat.messages), None
    office.run()
    assert (len(office.findings_log.events), len(office.chat.messages)) == (2, told)
    assert office.topic.commits == 1


def test_a_store_that_a_person_has_to_mend_is_not_asked_again_and_again():
    office = office_with(low())
    office.findings_log.broken = BadSetting("no rights")
    with pytest.raises(NotDeliverable, match="operations store: no rights"):
        office.run()


def test_a_run_of_which_something_may_be_missing_is_not_complete():
    office = office_with(low())
    office.topic.silent = TopicUnavailable("a partition does not answer")
    with pytest.raises(NotDelivered):
        office.run()
    assert (len(office.findings_log.events), office.findings_log.complete) == (1, set())


# --- two memories ----------------------------------------------------------------------------------------------------


class Away:
    """A memory that is not there, whatever it is asked."""

    def __init__(self, error):
        self._error = error

    def __getattr__(self, _name):
        def ask(*_):
            raise self._error

        return ask


CACHE_AWAY = CacheUnavailable("Redis is down")


def test_what_one_memory_has_forgotten_the_other_knows():
    first, second = FakeDeliveryLog(), FakeDeliveryLog()
    both = TwoDeliveryLogs(first, second)
    both.remember("run:1", b"12345678", Delivered(messages=2, urgent=1))
    for flushed in (TwoDeliveryLogs(FakeDeliveryLog(), second), TwoDeliveryLogs(first, FakeDeliveryLog())):
        assert flushed.tokens("run:1") == b"12345678"
        assert flushed.delivered("run:1") == Delivered(messages=2, urgent=1)


@pytest.mark.parametrize("first_is_away", [True, False])
def test_a_memory_that_is_away_is_made_up_for(first_is_away):
    there = FakeDeliveryLog()
    both = TwoDeliveryLogs(*((Away(CACHE_AWAY), there) if first_is_away else (there, Away(DOWN))))
    both.remember("run:1", b"12345678", Delivered(messages=1))
    assert (both.tokens("run:1"), both.delivered("run:1")) == (b"12345678", Delivered(messages=1))


def test_where_both_are_away_the_first_ones_error_is_raised():
    with pytest.raises(CacheUnavailable, match="Redis is down"):
        TwoDeliveryLogs(Away(CACHE_AWAY), Away(DOWN)).tokens("run:1")


def test_incidents_of_both_are_open_and_of_one_key_the_later_opening_counts():
    first, second = FakeIncidents(), FakeIncidents()
    first.add(OpenIncident("a", 1.0))
    second.add(OpenIncident("a", 2.0))
    second.add(OpenIncident("b", 0.5))
    both = TwoOpenIncidents(first, second)
    assert both.all() == [OpenIncident("b", 0.5), OpenIncident("a", 2.0)]
