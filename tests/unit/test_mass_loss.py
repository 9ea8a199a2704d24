"""A run that found very much is told in one piece: a cache that lost its counters, or more than the alarm's limit."""

from dataclasses import replace

import pytest

from stocksync.model.notice import bulk_incident
from stocksync.model.run_scale import AlarmLimits, RunScale, is_mass_loss, scale_of
from stocksync.model.tally import Tally
from tests.kit.fakes.office import DIGEST, REVIEW, URGENT, DeliveryOnFakes, critical, high, low
from tests.kit.findings import event, finding

NIGHT = "run-1"
MANY = AlarmLimits(discrepancies=3)


@pytest.fixture
def office():
    return DeliveryOnFakes()


def gone(name, stock=80):
    return replace(event(name, db=stock, redis=0), key_missing=True)


def missing(number, stock=80):
    return finding(f"P{number}", db=stock, redis=0, key_missing=True)


@pytest.mark.parametrize(
    ("lost", "there", "percent", "mass"),
    [
        (100, 400, 20, True),
        (100, 401, 20, False),
        (99, 0, 20, False),
        (10_000, 0, 100, True),
        (9_999, 1, 100, False),
        (10_000, 0, 0, False),
        (0, 0, 20, False),
    ],
)
def test_so_many_of_a_hundred_counters_and_at_least_a_hundred_are_one_loss(lost, there, percent, mass):
    assert is_mass_loss(lost, there, percent) is mass


def test_products_without_stock_and_without_a_key_neither_make_a_loss_nor_hide_one():
    lost = Tally.of([missing(number) for number in range(120)])
    sold_out = Tally(matched=9_000, missing_keys=9_000)
    assert scale_of(sold_out, AlarmLimits()).lost == 0
    assert scale_of(sold_out + lost, AlarmLimits()).lost == 120
    assert scale_of(Tally(matched=9_000) + lost, AlarmLimits()).lost == 0


def test_what_is_left_alone_by_policy_is_no_loss():
    assert scale_of(Tally(matched=9_000, missing_keys=9_000, ignored=9_000), AlarmLimits()).lost == 0


def test_more_discrepancies_than_the_limit_are_many_and_lost_counters_are_not_among_them():
    others = Tally.of([finding(f"X{number}", db=9, redis=8) for number in range(4)])
    lost = Tally.of([missing(number) for number in range(100)])
    assert scale_of(others, MANY).many == 4
    assert scale_of(others, replace(MANY, discrepancies=4)).many == 0
    assert scale_of(others, AlarmLimits()).many == 0
    assert (scale_of(lost + others, MANY).lost, scale_of(lost + others, MANY).many) == (100, 4)
    assert scale_of(lost, MANY).many == 0


def test_a_flushed_redis_is_one_urgent_message_and_one_incident(office):
    office.scales[NIGHT] = RunScale(lost=2_000)
    for number in range(2_000):
        office.topic.publish(gone(f"PRD-{number:04}", stock=number % 90 + 1))
    office.run()

    [message] = office.chat.messages
    assert message.body.splitlines()[0] == "🚨 [긴급] Redis 카운터 2,000개 유실"
    assert "- 남은 카운터: 0개" in message.body
    assert "DAG stock_sync_review를 한 번 실행(Trigger)" in message.body
    assert "select는 missing_keys" in message.body
    assert message.footer
    [incident] = office.pager.triggered
    assert incident.dedup_key == bulk_incident("lost")
    assert "2,000" in incident.summary
    assert office.topic.committed == {0: 2_000}


def test_what_is_no_lost_counter_is_told_beside_the_loss_as_ever(office):
    office.scales[NIGHT] = RunScale(lost=2, there=8)
    for told in (gone("A"), gone("B"), critical("C"), high("D"), low("E")):
        office.topic.publish(told)
    office.run()

    assert office.chat.titles == ["🚨 [긴급] Redis 카운터 2개 유실", URGENT, REVIEW, DIGEST]
    assert [incident.dedup_key for incident in office.pager.triggered] == [
        "stock-sync/product/C",
        bulk_incident("lost"),
    ]


def test_lost_counters_that_the_run_has_restored_call_nobody(office):
    office.scales[NIGHT] = RunScale(lost=2, there=3)
    for name in "AB":
        office.topic.publish(gone(name, stock=5))
    office.run()

    [message] = office.chat.messages
    assert message.body.splitlines()[0] == "[재고 동기화] Redis 카운터 2개 유실"
    assert message.footer == ""
    assert office.pager.triggered == []


def test_a_loss_is_told_once_however_often_the_topic_is_read(office):
    office.scales[NIGHT] = RunScale(lost=2)
    for name in "AB":
        office.topic.publish(gone(name))
    office.run()
    office.topic.committed.clear()
    office.run()
    assert (len(office.chat.messages), len(office.pager.triggered)) == (1, 1)


def test_lost_counters_of_the_same_run_that_come_later_are_told_as_more_of_it(office):
    office.scales[NIGHT] = RunScale(lost=3)
    office.topic.publish(gone("A"))
    office.run()
    office.topic.publish(gone("B"))
    office.run()
    assert office.chat.titles[1] == "🚨 [긴급] Redis 카운터 1개 유실 (추가)"


def test_the_same_loss_found_again_the_next_night_joins_the_open_incident(office):
    for run_id in ("run-1", "run-2"):
        office.scales[run_id] = RunScale(lost=1)
        office.topic.publish(gone("A"), run_id=run_id)
    office.run()
    assert len({incident.dedup_key for incident in office.pager.triggered}) == 1
    assert len(office.incidents.open) == 1


def test_more_than_the_alarms_limit_is_one_urgent_message_that_lists_the_largest(office):
    office.scales[NIGHT] = RunScale(many=14, limit=3)
    for number in range(12):
        office.topic.publish(critical(f"C{number:02}"))
    office.topic.publish(low())
    office.topic.publish(high())
    office.run()

    [message] = office.chat.messages
    lines = message.body.splitlines()
    assert lines[0] == "🚨 [긴급] 재고 불일치 14건: 알림 한도 3건 초과"
    assert lines[2:4] == ["- 자동 복원: 1건", "- 수동 검토: 13건 (심각 12건)"]
    assert "외 4건" in lines
    assert [incident.dedup_key for incident in office.pager.triggered] == [bulk_incident("many")]


def test_many_small_ones_are_said_and_wake_nobody(office):
    office.scales[NIGHT] = RunScale(many=2, limit=1)
    for name in "AB":
        office.topic.publish(low(name))
    office.run()
    assert "모두 복원했지만" in office.chat.messages[0].body
    assert office.pager.triggered == []


def test_a_products_name_stands_beside_its_id_and_acts_nowhere(office):
    office.topic.publish(critical("PRD-1"), name="딸기 <!channel>\n- 차이: 0개\u202e")
    office.topic.publish(low("PRD-2"), name="x" * 500)
    office.run()

    urgent, digest = (message.body for message in office.chat.messages)
    assert "- 상품 ID: PRD-1 (딸기 <!channel>\\n- 차이: 0개\\u202e)" in urgent.splitlines()
    assert "\u202e" not in urgent
    assert f"- 최대 차이: 3개 (PRD-2 ({'x' * 40}… (500 characters)))" in digest.splitlines()


def test_of_a_loss_that_is_over_for_days_nobody_is_called(office):
    office.scales[NIGHT] = RunScale(lost=1)
    office.topic.publish(replace(gone("A"), detected_at_ms=0))
    office.run()
    assert office.pager.triggered == []
    assert "긴급 1건" in office.chat.messages[0].body
