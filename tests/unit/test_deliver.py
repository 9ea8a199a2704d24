"""One pass of the monitoring consumer, on fakes: what people get, and what is committed."""

import json

import pytest

from stocksync.errors import ChannelDown, ChannelRefuses, MessageRefused, NotDeliverable, NotDelivered
from stocksync.model.run_scale import RunScale
from tests.kit.fakes.delivery import payload
from tests.kit.fakes.office import DIGEST, REVIEW, URGENT, DeliveryOnFakes, critical, high, low
from tests.kit.findings import event


@pytest.fixture
def office():
    return DeliveryOnFakes()


def test_restores_are_one_digest_and_wake_nobody(office):
    for number in range(100):
        office.topic.publish(low(f"PRD-{number}"))
    office.run()
    assert office.chat.titles == [DIGEST]
    assert "- 복원 완료: 100건" in office.chat.messages[0].body
    assert office.pager.triggered == []
    assert office.topic.committed == {0: 100}


def test_a_restored_missing_key_of_any_size_is_in_the_digest(office):
    office.topic.publish(event("PRD-9", db=900, redis=0, action=low().action))
    office.run()
    assert office.chat.titles == [DIGEST]
    assert office.pager.triggered == []


def test_the_urgent_come_first_then_the_list_then_the_digest(office):
    for found in (low(), high(), critical()):
        office.topic.publish(found)
    office.run()
    assert office.chat.titles == [URGENT, REVIEW, DIGEST]
    assert [incident.dedup_key for incident in office.pager.triggered] == ["stock-sync/product/PRD-3"]


def test_each_run_has_its_own_digest(office):
    office.topic.publish(low(), run_id="run-1")
    office.topic.publish(low(), run_id="run-2")
    office.run()
    assert office.chat.titles == [DIGEST, DIGEST]


def test_what_the_next_run_publishes_for_a_dead_one_is_told_as_more_of_that_run(office):
    office.topic.publish(low("PRD-1"), run_id="dead")
    office.topic.publish(low("PRD-2"), run_id="dead")
    office.run()
    office.topic.publish(low("PRD-3"), run_id="dead")
    office.topic.publish(low("PRD-4"), run_id="next")
    office.run()
    first, more, another = [message.body.splitlines() for message in office.chat.messages]
    assert (first[0], len(first)) == (another[0], len(another)) == (DIGEST, 6)
    assert more[0] == f"{DIGEST} (추가)"
    assert more[2:4] == ["- 불일치 건수: 1건", "- 복원 완료: 1건"]
    assert more[6] == "- 같은 실행에서 앞서 알린 복원: 2건 (합계 3건)"


def test_the_digest_of_a_run_in_which_much_kept_changing_does_not_sound_as_if_all_were_restored(office):
    office.scales["torn"] = RunScale(changed=796_825)
    office.topic.publish(low("PRD-1"), run_id="torn")
    office.topic.publish(low("PRD-2"), run_id="calm")
    office.topic.publish(low("PRD-3"))
    office.run()

    said = [message.body.splitlines() for message in office.chat.messages]
    *others, torn = sorted(said, key=len)
    assert torn[0] == "[재고 동기화] 자동 복원 부분 완료"
    assert torn[-1] == "- 복원하지 않음: 796,825건 (계속 변동 중이며, 값이 틀릴 수 있습니다)"
    assert [(lines[0], len(lines)) for lines in others] == [(DIGEST, 6)] * 2


def test_a_digest_slack_did_not_take_is_no_digest_that_people_were_told(office):
    office.topic.publish(critical())
    office.topic.publish(low())
    office.chat.refusals = [None, ChannelDown("503")]
    with pytest.raises(NotDelivered):
        office.run()
    office.run()
    assert office.chat.titles == [URGENT, DIGEST]


def test_the_digests_of_one_day_of_other_publishers_do_not_refer_to_each_other(office):
    for _ in range(2):
        office.topic.publish(low(), run_id=None)
        office.run()
    assert office.chat.titles == [DIGEST, DIGEST]


def test_events_of_other_publishers_without_headers_are_told_too(office):
    office.topic.publish(critical(), run_id=None)
    office.run()
    assert office.chat.titles == [URGENT]
    assert office.pager.triggered[0].details["run"] == "-"


def test_nothing_new_means_no_message(office):
    office.topic.publish(low())
    office.run()
    assert office.run().events == 0
    assert office.chat.titles == [DIGEST]


def test_an_event_published_twice_reaches_people_once(office):
    office.topic.publish(critical(event_id="e"))
    office.topic.publish(critical(event_id="e"))
    office.run()
    office.topic.publish(critical(event_id="e"))
    assert office.run().repeated == 1
    assert len(office.chat.messages) == len(office.pager.triggered) == 1


@pytest.mark.fault(27)
def test_when_everything_differs_people_get_few_messages_and_one_incident_more(office):
    for number in range(5_000):
        office.topic.publish(event(f"PRD-{number:05}", db=number % 400, redis=0))
    office.run()
    assert len(office.chat.messages) <= 20
    assert office.chat.titles.count(URGENT) == 10
    assert len(office.pager.triggered) == 11
    assert office.pager.triggered[-1].dedup_key == "stock-sync/more/run:run-1"


def test_a_run_gets_no_more_than_20_messages_however_often_it_comes_back(office):
    for _ in range(30):
        office.topic.publish(critical())
        office.topic.publish(low())
        office.run()
    assert len(office.chat.messages) == 20
    assert office.chat.titles.count(URGENT) == 10
    assert office.topic.committed == {0: 60}


@pytest.mark.fault(19)
def test_slack_down_does_not_stop_pagerduty_and_nothing_is_committed(office):
    office.topic.publish(critical())
    office.chat.refusals = [ChannelDown("503")]
    with pytest.raises(NotDelivered, match="slack: 503"):
        office.run()
    assert len(office.pager.triggered) == 1
    assert office.topic.commits == 0
    office.run()
    assert (len(office.pager.triggered), len(office.chat.messages)) == (1, 1)
    assert office.topic.committed == {0: 1}


@pytest.mark.fault(20)
def test_pagerduty_down_does_not_stop_slack_and_is_called_later_with_the_same_key(office):
    office.topic.publish(critical("PRD-1"))
    office.pager.refusals = [ChannelDown("503")]
    with pytest.raises(NotDelivered, match="pagerduty: 503"):
        office.run()
    assert office.chat.titles == [URGENT]
    assert office.topic.commits == 0
    office.run()
    assert [incident.dedup_key for incident in office.pager.triggered] == ["stock-sync/product/PRD-1"]
    assert len(office.chat.messages) == 1


def test_a_refusal_that_needs_a_person_is_not_tried_again(office):
    office.topic.publish(low())
    office.chat.refusals = [ChannelRefuses("403")]
    with pytest.raises(NotDeliverable):
        office.run()


def test_one_refused_and_one_passing_trouble_are_tried_again(office):
    office.topic.publish(critical())
    office.chat.refusals, office.pager.refusals = [ChannelRefuses("403")], [ChannelDown("503")]
    with pytest.raises(NotDelivered) as failure:
        office.run()
    assert not isinstance(failure.value, NotDeliverable)


def test_a_message_slack_will_not_take_does_not_hold_up_the_others(office):
    office.topic.publish(critical())
    office.topic.publish(low())
    office.chat.refusals = [MessageRefused("invalid_blocks")]
    with pytest.raises(NotDeliverable):
        office.run()
    assert office.chat.titles == [DIGEST]
    assert office.topic.commits == 0


def test_trouble_half_way_leaves_only_the_rest_to_tell(office):
    for name in ("PRD-1", "PRD-2", "PRD-3"):
        office.topic.publish(critical(name))
    office.chat.refusals = [None, ChannelDown("reset")]
    with pytest.raises(NotDelivered):
        office.run()
    office.run()
    assert sorted(message.body.splitlines()[2] for message in office.chat.messages) == [
        "- 상품 ID: PRD-1",
        "- 상품 ID: PRD-2",
        "- 상품 ID: PRD-3",
    ]


def test_the_events_of_a_run_that_still_publishes_wait(office):
    office.publishing = {"run-2"}
    office.topic.publish(low(), run_id="run-1")
    office.topic.publish(low(), run_id="run-2")
    office.topic.publish(low(), run_id="run-3")
    assert office.run().waiting == 1
    assert office.topic.committed == {0: 1}
    assert len(office.chat.messages) == 2
    office.topic.publish(low(), run_id="run-2")
    office.publishing = set()
    office.run()
    assert len(office.chat.messages) == 3
    assert "- 복원 완료: 2건" in office.chat.messages[-1].body
    assert office.topic.committed == {0: 4}


def test_what_a_run_published_while_it_was_asked_for_is_in_its_digest(office):
    office.topic.publish(low(), run_id="run-1")
    ask = office.publishing.__contains__

    class PublishesItsLastEvent(set):
        def __contains__(self, run_id):
            office.topic.publish(low("PRD-last"), run_id=run_id)
            return ask(run_id)

    office.publishing = PublishesItsLastEvent()
    office.run()
    assert office.chat.titles == [DIGEST]
    assert "- 복원 완료: 2건" in office.chat.messages[0].body


@pytest.mark.fault(21)
@pytest.mark.parametrize(
    ("value", "error", "says"),
    [
        (b"not an event", "", "Expecting value"),
        (None, "", "no value"),
        (b"{}", "", "no field 'eventId'"),
        (json.dumps(payload(low()) | {"severity": "HUGE"}).encode(), "", "HUGE"),
        (None, "bad message", "bad message"),
    ],
)
def test_a_message_nobody_can_read_is_put_aside_and_the_next_one_told(office, value, error, says):
    office.topic.publish_bytes(value, error=error)
    office.topic.publish(low())
    assert office.run().poison == 1
    [(record, why)] = office.dead_letters.poison
    assert (record.partition, record.offset, record.value) == (0, 0, value)
    assert says in why
    assert office.chat.titles == [DIGEST]
    assert office.topic.committed == {0: 2}


def test_a_message_nobody_can_read_is_put_aside_once_though_slack_is_down_for_long(office):
    office.topic.publish_bytes(b"poison")
    office.topic.publish(low())
    office.chat.refusals = [ChannelDown("503"), ChannelDown("503")]
    for _ in range(2):
        with pytest.raises(NotDelivered):
            office.run()
    office.run()
    assert len(office.dead_letters.poison) == 1


def test_without_a_channel_the_other_one_works_and_offsets_move(office):
    office.topic.publish(critical())
    office.configured = ("slack",)
    office.run()
    assert office.chat.titles == [URGENT]
    assert office.pager.triggered == []
    assert office.topic.committed == {0: 1}


def test_without_any_channel_the_log_says_how_many_were_not_told(office, caplog):
    office.topic.publish(critical())
    office.configured = ()
    office.run()
    assert "nobody was told of 1 event:" in caplog.text
    assert office.topic.committed == {0: 1}


def test_an_incident_is_noted_before_it_is_opened(office):
    office.topic.publish(critical("PRD-1"))
    office.pager.refusals = [ChannelDown("the answer was lost")]
    with pytest.raises(NotDelivered):
        office.run()
    assert office.incidents.open["stock-sync/product/PRD-1"].product_id == "PRD-1"


def test_an_incident_that_counts_products_knows_the_largest_by_name_also_of_the_pass_before(office):
    for number in range(13):
        office.topic.publish(event(f"PRD-{number:02}", db=1000 + number, redis=0))
    office.run()
    office.topic.publish(critical("PRD-more"))
    office.run()
    counting = office.incidents.open["stock-sync/more/run:run-1"]
    assert (counting.counted, counting.products) == (4, ("PRD-02", "PRD-01", "PRD-00", "PRD-more"))


def test_thousands_of_counted_products_are_remembered_by_a_thousand_names(office):
    for number in range(3_000):
        office.topic.publish(event(f"PRD-{number:05}", db=1000 + number, redis=0))
    office.run()
    counting = office.incidents.open["stock-sync/more/run:run-1"]
    assert (counting.counted, len(counting.products)) == (2_990, 1_000)
    assert counting.products[0] == "PRD-02989"


def test_the_result_reads_as_a_sentence(office):
    office.topic.publish(low())
    office.topic.publish_bytes(b"poison")
    office.publishing = {"run-2"}
    office.topic.publish(low(), run_id="run-2")
    assert office.run().in_words() == (
        "1 event read, 0 of them told before, 1 left until their run has published, 1 unreadable message put aside; "
        "people were told about 1 run"
    )
