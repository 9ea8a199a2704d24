"""Alerts switched on late, offsets that expired, and more runs than anybody can read: people are not flooded."""

from datetime import timedelta

import pytest

from stocksync.errors import ChannelDown, NotDelivered
from tests.kit.fakes.office import DIGEST, REVIEW, URGENT, DeliveryOnFakes, critical, high, low
from tests.kit.findings import DETECTED_MS, THAT_NIGHT

DAY_MS = 24 * 3600 * 1000
LATE = "[재고 동기화] 지난 실행의 늦은 알림"
TOO_MANY = "⚠️ [재고 동기화] 실행이 많아 한 줄씩 알립니다"
REST = "🚨 [긴급] 재고 심각한 불일치: 그 외"


@pytest.fixture
def office():
    return DeliveryOnFakes()


def publish_old_runs(office, *, days=7, urgent=11):
    """Each day's run with so many urgent products, as they lie on the topic."""
    for ago in range(days, 0, -1):
        for number in range(urgent):
            found = critical(f"PRD-{ago}-{number}", detected_at_ms=DETECTED_MS - ago * DAY_MS)
            office.topic.publish(found, run_id=f"run-{ago}", date=f"2024-01-{15 - ago:02}")


def test_seven_old_runs_are_one_message_of_a_line_each_and_call_nobody(office):
    publish_old_runs(office)
    delivery = office.run()
    [message] = office.chat.messages
    lines = message.body.splitlines()
    assert lines[:2] == [LATE, "- 실행: 7건"]
    assert [line.split(":")[0] for line in lines[2:9]] == [
        f"{place}. 2024-01-{15 - place:02} run-{place}" for place in range(1, 8)
    ]
    assert "긴급 11건" in lines[2]
    assert message.footer == ""
    assert office.pager.triggered == []
    assert office.incidents.open == {}
    assert delivery.groups == 7
    assert office.topic.committed == {0: 77}


def test_the_run_of_today_is_told_in_full_beside_them(office):
    publish_old_runs(office)
    office.topic.publish(critical("PRD-today"), run_id="today")
    office.run()
    assert office.chat.titles == [URGENT, LATE]
    assert [incident.details["product"] for incident in office.pager.triggered] == ["PRD-today"]


def test_events_without_a_run_of_past_days_are_a_line_too(office):
    for ago in (1, 2):
        office.topic.publish(critical(detected_at_ms=DETECTED_MS - ago * DAY_MS), run_id=None)
    office.topic.publish(critical("PRD-today"), run_id=None)
    office.run()
    assert office.chat.titles == [URGENT, LATE]
    assert "1. 2024-01-14 다른 발행자: " in office.chat.messages[1].body
    assert len(office.pager.triggered) == 1


def test_what_was_told_in_a_line_is_not_told_again(office):
    publish_old_runs(office)
    office.chat.refusals = [ChannelDown("503")]
    with pytest.raises(NotDelivered):
        office.run()
    office.run()
    office.topic.committed = {}  # the offsets expired again
    assert office.run().repeated == 77
    assert office.chat.titles == [LATE]
    assert office.pager.triggered == []


@pytest.mark.parametrize(("hours", "titles"), [(1, [URGENT]), (3, [LATE])])
def test_a_run_that_crossed_midnight_is_news_and_one_of_the_evening_is_not(office, hours, titles):
    midnight = THAT_NIGHT.replace(hour=15, minute=0)
    office.clock.present = midnight + timedelta(minutes=30)
    detected = (office.clock.present - timedelta(hours=hours)).timestamp() * 1000
    office.topic.publish(critical(detected_at_ms=int(detected)), run_id="late", date="2024-01-14")
    office.run()
    assert office.chat.titles == titles


def test_a_run_of_a_past_date_that_was_cleared_today_calls_people(office):
    office.topic.publish(critical(), run_id="cleared", date="2024-01-10")
    office.run()
    assert office.chat.titles == [URGENT]
    assert len(office.pager.triggered) == 1


@pytest.mark.fault(27)
def test_the_limits_of_a_run_are_those_of_a_pass_too(office):
    for run in range(30):
        for number in range(15):
            office.topic.publish(critical(f"PRD-{run}-{number}"), run_id=f"run-{run:02}")
        office.topic.publish(high(), run_id=f"run-{run:02}")
        office.topic.publish(low(), run_id=f"run-{run:02}")
    publish_old_runs(office)
    office.run()
    assert len(office.chat.messages) <= 20
    assert office.chat.titles.count(URGENT) == 10
    assert office.chat.titles[-2:] == [TOO_MANY, LATE]
    crowded = office.chat.messages[-2]
    assert crowded.footer == "담당자: @backend-team"
    told_in_full = office.chat.titles.count(REVIEW)
    assert told_in_full == office.chat.titles.count(DIGEST) == sum(t.startswith(REST) for t in office.chat.titles)
    assert f"- 실행: {30 - told_in_full}건" in crowded.body
    products = [incident for incident in office.pager.triggered if "product" in incident.details]
    assert len(products) == 10
    assert len(office.pager.triggered) <= 20
    office.topic.committed = {}
    office.run()
    assert len(office.chat.messages) <= 20


def test_a_digest_that_follows_a_line_refers_to_it(office):
    for run in range(30):
        office.topic.publish(low(f"PRD-{run}"), run_id=f"run-{run:02}")
    office.run()
    office.topic.publish(low("PRD-more"), run_id="run-29")
    office.run()
    assert office.chat.titles[-2:] == [TOO_MANY, f"{DIGEST} (추가)"]
    assert "앞서 알린 복원: 1건 (합계 2건)" in office.chat.messages[-1].body


def test_a_run_too_many_for_the_pager_is_in_the_log_and_the_pass_goes_on(office, caplog):
    for run in range(30):
        for number in range(15):
            office.topic.publish(critical(f"PRD-{run}-{number}"), run_id=f"run-{run:02}")
    office.run()
    assert len(office.pager.triggered) == 20
    assert "so this one is only written here" in caplog.text
    assert office.topic.committed == {0: 450}
