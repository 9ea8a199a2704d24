"""Faults of delivery, by their numbers: real Kafka and Redis, Slack and PagerDuty over real HTTP."""

import json

import pytest
from confluent_kafka import Producer

from local.standins.pagerduty import PagerDuty
from local.standins.stand_in import Refusal
from stocksync.adapters.avro import event_schema
from stocksync.adapters.avro_confluent import ConfluentEncoder
from stocksync.errors import NotDeliverable, NotDelivered
from tests.kit.fakes.delivery import payload
from tests.kit.findings import event
from tests.kit.real_delivery import DIGEST, RUN, URGENT, critical, low, read_all, real_delivery


@pytest.fixture
def office(kafka, topic, cache, redis_server, tmp_path):
    with real_delivery(kafka, topic, redis_server.uri, tmp_path) as office:
        yield office


def test_events_reach_both_channels_once_and_are_committed(office):
    office.publish(critical(), low())
    delivery = office.run()
    assert (delivery.events, delivery.groups) == (2, 1)
    assert office.titles == [URGENT, DIGEST]
    assert office.slack.messages[0]["channel"] == "#stock-alerts"
    [event] = office.pagerduty.events
    assert event["payload"]["severity"] == "critical"
    assert event["payload"]["custom_details"]["run"] == RUN.run_id
    assert office.committed == 2
    assert office.run().events == 0


def test_what_was_told_is_remembered_for_seven_days(office, cache):
    office.publish(critical())
    office.run()
    keys = cache.keys("sync:stock:told:*") + cache.keys("sync:stock:sent:*")
    assert len(keys) == 4
    assert all(6.9 * 86400 < cache.ttl(key) <= 7 * 86400 for key in keys)
    assert all(key.startswith(b"sync:stock:") for key in cache.keys("*"))


@pytest.mark.fault(6)
@pytest.mark.parametrize("step", ["remember slack", "commit"])
def test_a_kill_after_slacks_200_repeats_at_most_one_message(office, step):
    office.publish(critical("PRD-1"), critical("PRD-2"), low())
    office.run_and_be_killed(step)
    assert office.committed == 0
    office.run()
    repeated = len(office.slack.texts) - 3
    assert repeated == (1 if step == "remember slack" else 0)
    assert len(set(office.slack.texts)) == 3
    assert len(office.pagerduty.events) == 2
    assert office.committed == 3


@pytest.mark.fault(7)
def test_a_kill_between_the_channels_leaves_only_the_other_one_to_tell(office):
    office.publish(critical())
    office.run_and_be_killed("tell slack")
    assert (len(office.pagerduty.events), office.slack.texts) == (1, [])
    office.run()
    assert (len(office.pagerduty.events), office.titles) == (1, [URGENT])


@pytest.mark.fault(19)
def test_slacks_retry_after_is_respected(office):
    office.publish(low())
    office.slack.limit_rate(2)
    office.run()
    assert office.titles == [DIGEST]
    assert (office.slack.requests, office.slack.impatient) == (2, 0)


@pytest.mark.fault(19)
def test_a_retry_after_longer_than_a_task_should_sleep_is_left_to_the_next_attempt(office):
    office.publish(low())
    office.slack.refuse(Refusal(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "3600"}))
    with pytest.raises(NotDelivered, match="429"):
        office.run()
    assert office.slack.requests == 1


@pytest.mark.fault(19)
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_passing_server_error_is_met_with_patience(office, status):
    office.publish(low())
    office.slack.refuse(Refusal(status), times=2)
    office.run()
    assert office.titles == [DIGEST]


@pytest.mark.fault(19)
@pytest.mark.parametrize(
    "refusal", [Refusal(503), Refusal(reset=True), Refusal(hang=True)], ids=["503", "reset", "hang"]
)
def test_slack_down_leaves_the_offset_and_pagerduty_goes_out(office, refusal):
    office.publish(critical())
    office.slack.refuse(refusal)
    with pytest.raises(NotDelivered) as failure:
        office.run(timeout=0.5)
    assert not isinstance(failure.value, NotDeliverable)
    assert len(office.pagerduty.events) == 1
    assert office.committed == 0
    office.slack.recover()
    office.run()
    assert (len(office.pagerduty.events), office.titles) == (1, [URGENT])
    assert office.committed == 1


@pytest.mark.fault(19)
@pytest.mark.parametrize(
    "refusal",
    [Refusal(403), Refusal(404), Refusal(200, {"ok": False, "error": "invalid_auth"})],
    ids=["403", "404", "invalid_auth"],
)
def test_a_refusal_is_not_tried_again_and_pagerduty_goes_out(office, refusal):
    office.publish(critical())
    office.slack.refuse(refusal)
    with pytest.raises(NotDeliverable):
        office.run()
    assert office.slack.requests == 1
    assert len(office.pagerduty.events) == 1
    assert office.committed == 0


@pytest.mark.fault(20)
@pytest.mark.parametrize(
    "refusal",
    [Refusal(503), Refusal(429), Refusal(reset=True), Refusal(hang=True)],
    ids=["503", "429", "reset", "hang"],
)
def test_pagerduty_down_is_called_later_with_the_same_key_and_slack_is_told(office, refusal):
    office.publish(critical())
    office.pagerduty.refuse(refusal)
    with pytest.raises(NotDelivered):
        office.run(timeout=0.5)
    assert office.titles == [URGENT]
    assert office.committed == 0
    office.pagerduty.recover()
    office.run()
    assert [event["dedup_key"] for event in office.pagerduty.events] == ["stock-sync/product/PRD-001"]
    assert office.titles == [URGENT]
    assert office.committed == 1


@pytest.mark.fault(20)
def test_a_certificate_nobody_vouches_for_is_not_accepted(office, tmp_path):
    office.publish(critical())
    (tmp_path / "other").mkdir()
    with PagerDuty(tmp_path / "other") as stranger:
        described = json.loads(office.arguments["pagerduty_connection"])
        described["extra"]["base_url"] = f"https://127.0.0.1:{stranger.port}"
        office.arguments["pagerduty_connection"] = json.dumps(described)
        with pytest.raises(NotDelivered):
            office.run()
        assert stranger.requests == 0


@pytest.mark.fault(21)
def test_poison_goes_to_the_dead_letter_topic_with_its_place_and_the_rest_is_told(office):
    unknown_schema = b"\xc3\x01" + b"\x00" * 8 + b"body"
    office.publish(values=[b"not Avro", unknown_schema, None])
    office.publish(low())
    assert office.run().poison == 3
    assert office.titles == [DIGEST]
    assert office.committed == 4
    quarantined = read_all(office, f"{office.topic}.dlq")
    assert [message.value() for message in quarantined] == [b"not Avro", unknown_schema, None]
    assert {message.key() for message in quarantined} == {b"poison"}
    for offset, message in enumerate(quarantined):
        headers = dict(message.headers())
        assert headers["topic"] == office.topic.encode()
        assert (headers["partition"], headers["offset"]) == (b"0", str(offset).encode())
        assert headers["error"]
        assert headers["origin"] == b"elsewhere"


def test_dead_letters_that_go_nowhere_silence_nobody_and_go_when_they_can(office):
    dead_letters = f"{office.topic}.dlq"
    office.publish(values=[b"not Avro"])
    office.publish(low(), critical())
    for _ in range(2):
        with pytest.raises(NotDelivered, match=r"partition 0, offset 0: .*stock_kafka.* does not answer"):
            office.run(producer={"bootstrap.servers": "127.0.0.1:9"}, patience=2)
    assert office.titles == [URGENT, DIGEST]
    assert len(office.pagerduty.events) == 1
    delivery = office.run()
    assert (delivery.poison, delivery.events) == (1, delivery.repeated)
    assert office.titles == [URGENT, DIGEST]
    assert [message.value() for message in read_all(office, dead_letters)] == [b"not Avro"]
    assert office.committed == 3


def test_of_poison_too_large_for_the_dead_letter_topic_a_note_is_put_there(office, caplog):
    office.publish(values=[b"small", b"x" * 5_000, b"small too"])
    office.publish(low())
    office.arguments["bootstrap"] = {**office.bootstrap, "message.max.bytes": 2_000}
    assert office.run().poison == 3
    assert office.titles == [DIGEST]
    assert office.committed == 4
    by_offset = {dict(m.headers())["offset"]: m for m in read_all(office, f"{office.topic}.dlq")}
    assert [by_offset[place].value() for place in (b"0", b"1", b"2")] == [b"small", None, b"small too"]
    note = by_offset[b"1"]
    assert note.key() == b"poison"
    assert dict(note.headers())["left-out"].startswith(b"5000 bytes: ")
    assert "partition 0, offset 1 (5000 bytes) is not taken" in caplog.text


def test_events_that_need_a_registry_wait_and_the_others_are_told(office):
    producer = Producer(office.bootstrap)
    value = ConfluentEncoder(event_schema(), 7).encode(payload(critical("PRD-registry")))
    producer.produce(office.topic, value, b"PRD-registry", partition=0)
    assert producer.flush(15) == 0
    office.publish(low(), critical())
    for _ in range(2):
        with pytest.raises(NotDeliverable, match=r"partition 0, offset 0: STOCK_SYNC_SCHEMA_REGISTRY_URL=''"):
            office.run()
    assert office.titles == [URGENT, DIGEST]
    assert read_all(office, f"{office.topic}.dlq") == []


@pytest.mark.fault(27)
def test_a_night_when_everything_differs(office):
    office.publish(*(event(f"PRD-{n:05}", db=n % 400, redis=0) for n in range(1, 20_001)))

    delivery = office.run()
    assert delivery.events == 20_000
    assert len(office.slack.messages) <= 20
    assert office.titles.count(URGENT) == 10
    assert len(office.pagerduty.events) == 11
    assert len(set(office.pagerduty.open_incidents)) == 11
    assert office.run().events == 0


@pytest.mark.fault(31)
@pytest.mark.parametrize(
    "product_id", ["<!channel>", "`rm` *x*", "a\r\nb", "x" * 1000, "'; DROP TABLE x", "e\u0301 {}:"]
)
def test_hostile_ids_are_accepted_and_shown_literally(office, product_id):
    office.publish(critical(product_id))
    office.run()
    [message] = office.slack.messages
    assert "<" not in json.dumps(message)
    assert len(office.slack.texts[0].splitlines()) == 10
    assert len(office.pagerduty.events) == 1


def test_a_topic_that_does_not_exist_yet_is_nothing_to_deliver(office, caplog):
    office.arguments["topic"] = "test.nobody-made-it"
    assert office.run().events == 0
    assert "does not exist" in caplog.text


def test_a_broker_that_does_not_answer_is_said_and_nothing_is_lost(office, kafka):
    office.publish(low())
    kafka.process.pause()
    try:
        with pytest.raises(Exception, match="stock_kafka"):
            office.run(patience=3)
    finally:
        kafka.process.resume()
    office.run()
    assert office.titles == [DIGEST]
