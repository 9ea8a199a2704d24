"""The product's texts: those of the original, line by line, with its own numbers."""

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from stocksync.alerting.batch import AlertBatch, token
from stocksync.alerting.routing import AlertGroup
from stocksync.alerting.texts import AlertTexts
from stocksync.model.policy import Action
from stocksync.wording import Wording
from tests.kit.findings import event

SEOUL = ZoneInfo("Asia/Seoul")
RUN = AlertGroup("scheduled__2024-01-14T17:00:00+00:00", "2024-01-15")

DIGEST = """\
[재고 동기화] 자동 복원 완료
- 날짜: 2024-01-15 02:15:00
- 불일치 건수: 15건
- 복원 완료: 15건
- 최대 차이: 5개 (PRD-123)
- 복원 전: Redis가 5개 적음 (PRD-123)"""

URGENT = """\
🚨 [긴급] 재고 심각한 불일치 발견
- 날짜: 2024-01-15 02:15:00
- 상품 ID: PRD-001
- DB 재고: 100
- Redis 재고: 20
- 차이: 80개

⚠️ 수동 검토가 필요합니다.
담당자: @backend-team
Redis가 80개 적음"""

REVIEW_LIST = """\
⚠️ [재고 동기화] 수동 검토 요청
- 날짜: 2024-01-15 02:15:00
- 불일치 건수: 22건
1. PRD-021: 차이 32개 (DB 1,032, Redis 1,000) · Redis가 32개 적음
2. PRD-020: 차이 31개 (DB 1,031, Redis 1,000) · Redis가 31개 적음"""


ENGLISH_DIGEST = """\
[Stock sync] Automatic restore complete
- Date: 2024-01-15 02:15:00
- Discrepancies: 1
- Restored: 1
- Largest difference: 5 (PRD-123)
- Before the restore: Redis has 5 too few (PRD-123)"""

ENGLISH_URGENT = """\
🚨 [Urgent] Severe stock discrepancy found
- Date: 2024-01-15 02:15:00
- Product ID: PRD-001
- DB stock: 1,100
- Redis stock: 20
- Difference: 1,080

⚠️ Manual review is required.
Responsible: @backend-team
Redis has 1,080 too few"""

ENGLISH_REVIEW = """\
⚠️ [Stock sync] Manual review requested
- Date: 2024-01-15 02:15:00
- Discrepancies: 1
1. PRD-002: difference 11 (DB 1,011, Redis 1,000) · Redis has 11 too few

⚠️ Manual review is required.
Responsible: @backend-team"""


@pytest.fixture
def texts():
    return AlertTexts(Wording("ko"), SEOUL, "@backend-team")


def batch_of(*findings):
    filled = AlertBatch()
    for found in findings:
        filled.add(found, token(found.event_id))
    return filled


def test_the_digest_is_the_originals_line_by_line(texts):
    fourteen = [event(f"PRD-{n:03}", db=100, redis=99) for n in range(14)]
    filled = batch_of(*fourteen, event("PRD-123", db=100, redis=95))
    assert texts.digest(filled.restored).text == DIGEST


def test_a_digest_says_what_was_not_restored_behind_its_own_numbers():
    said = {}
    for locale in ("ko", "en"):
        texts = AlertTexts(Wording(locale), SEOUL, "@backend-team")
        filled = batch_of(event("PRD-123", db=100, redis=95))
        plain = texts.digest(filled.restored, told=2).text.splitlines()
        torn = texts.digest(filled.restored, told=2, changed=1_200).text.splitlines()
        assert (torn[1:-1], len(torn)) == (plain[1:], len(plain) + 1)
        said[locale] = (torn[0], torn[-1])

    assert said == {
        "ko": (
            "[재고 동기화] 자동 복원 부분 완료 (추가)",
            "- 복원하지 않음: 1,200건 (계속 변동 중이며, 값이 틀릴 수 있습니다)",
        ),
        "en": (
            "[Stock sync] Automatic restore partly complete (continued)",
            "- Not restored: 1,200 (they kept changing, and may be wrong)",
        ),
    }


def test_scenario_1_a_hundred_lost_counters_are_one_message(texts):
    filled = batch_of(*(event(f"PRD-{n:03}", db=100, redis=100 - n % 5 - 1) for n in range(100)))
    lines = texts.digest(filled.restored).text.splitlines()
    assert lines[2:4] == ["- 불일치 건수: 100건", "- 복원 완료: 100건"]
    assert lines[4] == "- 최대 차이: 5개 (PRD-004)"


def test_scenario_2_the_urgent_message_is_the_originals_line_by_line(texts):
    [shown], rest = batch_of(event("PRD-001", db=100, redis=20)).urgent.split(10)
    assert texts.urgent(shown).text == URGENT
    assert rest.count == 0


@pytest.mark.parametrize(
    ("locale", "lines"),
    [
        (
            "ko",
            [
                "- DB 재고: 1,100 (예약 60)",
                "1. PRD-001: 차이 40개 (DB 1,100 (예약 60), Redis 1,000)",
                "재고 심각한 불일치: PRD-001 차이 40개 (DB 1,100 (예약 60), Redis 1,000)",
            ],
        ),
        (
            "en",
            [
                "- DB stock: 1,100 (held 60)",
                "1. PRD-001: difference 40 (DB 1,100 (held 60), Redis 1,000)",
                "Severe stock discrepancy: PRD-001 differs by 40 (DB 1,100 (held 60), Redis 1,000)",
            ],
        ),
    ],
)
def test_what_is_on_hold_stands_beside_the_ledgers_stock(locale, lines):
    texts = AlertTexts(Wording(locale), SEOUL, "@backend-team")
    filled = batch_of(replace(event("PRD-001", db=1040, redis=1000), held=60))
    [shown], _ = filled.review.split(1)

    assert texts.urgent(shown).text.splitlines()[3] == lines[0]
    assert texts.review(filled.review).text.splitlines()[3].startswith(lines[1])
    assert texts.incident(shown, RUN).summary.startswith(lines[2])


def test_more_in_the_cache_than_in_the_ledger_is_a_difference_of_the_same_size_and_oversells(texts):
    [shown], _ = batch_of(event("PRD-001", db=20, redis=100)).urgent.split(10)
    assert "- 차이: 80개" in texts.urgent(shown).text
    assert texts.urgent(shown).text.splitlines()[-1] == "Redis가 80개 많음: 초과 판매 위험"


@pytest.mark.parametrize(
    ("locale", "db", "redis", "said"),
    [
        ("ko", 1000, 1020, "Redis가 20개 많음: 초과 판매 위험"),
        ("ko", 1020, 1000, "Redis가 20개 적음"),
        ("ko", 100, 2100, "Redis가 2,000개 많음: 초과 판매 위험"),
        ("ko", 2100, 100, "Redis가 2,000개 적음"),
        ("ko", 3, 5, "Redis가 2개 많음: 초과 판매 위험"),
        ("en", 1000, 1020, "Redis has 20 too many: risk of overselling"),
        ("en", 1020, 1000, "Redis has 20 too few"),
        ("en", 100, 2100, "Redis has 2,000 too many: risk of overselling"),
        ("en", -3, 2, "Redis has 5 too many: risk of overselling"),
    ],
)
def test_every_message_about_a_difference_says_which_way_it_is(locale, db, redis, said):
    texts = AlertTexts(Wording(locale), SEOUL, "@backend-team")
    filled = batch_of(event("PRD-001", db=db, redis=redis))
    told = [texts.runs([(RUN, filled)], over=over).text for over in (True, False)]
    if filled.restored.count:
        told.append(texts.digest(filled.restored).text)
    if filled.review.count:
        told.append(texts.review(filled.review).text)
    if filled.urgent.count:
        [shown], _ = filled.urgent.split(1)
        _, rest = filled.urgent.split(0)
        told += [texts.urgent(shown).text, texts.urgent_rest(rest, 0).text]
        incident = texts.incident(shown, RUN)
        told += [incident.summary, incident.details["direction"], texts.incident_rest(rest, RUN, 1).summary]
    assert len(told) in {3, 7}
    for text in told:
        assert said in text, text
        assert ("초과 판매" in text or "oversell" in text) is (redis > db)


EARLIER_RUNS = """\
[재고 동기화] 지난 실행의 늦은 알림
- 실행: 22건
1. 2024-01-15 run-00: 복원 1건, 수동 검토 1건, 긴급 1건, 최대 차이 80개 (PRD-1) · Redis가 80개 적음"""


def test_many_runs_are_a_line_each_and_the_rest_is_added_up(texts):
    three = [event("PRD-1", db=100, redis=20), event("PRD-2", db=100, redis=80), event("PRD-3", db=100, redis=99)]
    groups = [(AlertGroup(f"run-{n:02}", "2024-01-15"), batch_of(*three)) for n in range(21)]
    groups.append((AlertGroup(None, "2024-01-14"), batch_of(event("PRD-9", db=0, redis=900))))
    lines = texts.runs(groups, over=True).text.splitlines()
    assert "\n".join(lines).startswith(EARLIER_RUNS)
    assert lines[22] == (
        "외 실행 2건: 복원 1건, 수동 검토 1건, 긴급 2건, 최대 차이 900개 (PRD-9) · Redis가 900개 많음: 초과 판매 위험"
    )
    assert lines[-1].startswith("오늘 이전의 실행이라 한 줄씩만 알리고 PagerDuty는 호출하지 않습니다.")
    too_many = texts.runs(groups[-1:], over=False).text.splitlines()
    assert too_many[2].startswith("1. 2024-01-14 다른 발행자: ")
    assert too_many[-1] == "담당자: @backend-team"


def test_the_review_list_has_the_largest_first_and_counts_the_rest(texts):
    filled = batch_of(*(event(f"PRD-{n:03}", db=1011 + n, redis=1000) for n in range(22)))
    text = texts.review(filled.review).text
    assert text.startswith(REVIEW_LIST)
    assert text.splitlines()[22:] == [
        "20. PRD-002: 차이 13개 (DB 1,013, Redis 1,000) · Redis가 13개 적음",
        "외 2건",
        "",
        "⚠️ 수동 검토가 필요합니다.",
        "담당자: @backend-team",
    ]


def test_the_last_urgent_message_counts_the_products_without_one(texts):
    filled = batch_of(*(event(f"PRD-{n:04}", db=1000 + n, redis=0) for n in range(1000)))
    _, rest = filled.urgent.split(10)
    assert texts.urgent_rest(rest, filled.urgent.latest_ms).text.splitlines() == [
        "🚨 [긴급] 재고 심각한 불일치: 그 외 990개 상품",
        "- 날짜: 2024-01-15 02:15:00",
        "- 불일치 건수: 990건",
        "- 최대 차이: 1,989개 (PRD-0989) · Redis가 1,989개 적음",
        "",
        "⚠️ 수동 검토가 필요합니다.",
        "담당자: @backend-team",
    ]


def test_an_incident_tells_both_stocks_the_discrepancy_and_the_run(texts):
    [shown], _ = batch_of(event("PRD-001", db=20, redis=100)).urgent.split(10)
    incident = texts.incident(shown, RUN)
    assert incident.dedup_key == "stock-sync/product/PRD-001"
    assert incident.summary == (
        "재고 심각한 불일치: PRD-001 차이 80개 (DB 20, Redis 100) · Redis가 80개 많음: 초과 판매 위험"
    )
    assert incident.details == {
        "product": "PRD-001",
        "db": 20,
        "redis": 100,
        "discrepancy": -80,
        "direction": "Redis가 80개 많음: 초과 판매 위험",
        "run": RUN.run_id,
        "date": "2024-01-15 02:15:00",
    }


def test_a_small_difference_that_waits_for_a_person_is_in_the_review_list(texts):
    filled = batch_of(event("PRD-007", db=10, redis=4, action=Action.MANUAL_REVIEW_REQUIRED))

    assert filled.restored.count == 0
    assert "1. PRD-007: 차이 6개" in texts.review(filled.review).text


def test_the_messages_exist_in_english_line_by_line():
    texts = AlertTexts(Wording("en"), SEOUL, "@backend-team")
    filled = batch_of(
        event("PRD-001", db=1100, redis=20),
        event("PRD-002", db=1011, redis=1000),
        event("PRD-123", db=100, redis=95),
    )
    [shown], _ = filled.urgent.split(10)
    assert texts.digest(filled.restored).text == ENGLISH_DIGEST
    assert texts.urgent(shown).text == ENGLISH_URGENT
    assert texts.review(filled.review).text == ENGLISH_REVIEW
    assert texts.incident(shown, RUN).summary == (
        "Severe stock discrepancy: PRD-001 differs by 1,080 (DB 1,100, Redis 20) · Redis has 1,080 too few"
    )


@pytest.mark.parametrize(
    ("count", "said"), [(1, "1 more product"), (2, "2 more products"), (1000, "1,000 more products")]
)
def test_in_english_one_is_one_and_a_thousand_are_a_thousand(count, said):
    texts = AlertTexts(Wording("en"), SEOUL, "@backend-team")
    filled = batch_of(*(event(f"PRD-{n:04}", db=1000 + n, redis=0) for n in range(10 + count)))
    _, rest = filled.urgent.split(10)
    title = f"Severe stock discrepancies: {said}"
    assert texts.urgent_rest(rest, filled.urgent.latest_ms).text.splitlines()[0] == f"🚨 [Urgent] {title}"
    assert texts.incident_rest(rest, RUN, rest.count).summary.startswith(f"{title} (")


@pytest.mark.parametrize(("minutes", "said"), [(1, "1 minute after"), (40, "40 minutes after")])
def test_in_english_a_late_run_is_late_by_a_minute_or_by_minutes(minutes, said):
    assert said in Wording("en").render("late", dag_id="stock_sync", run_id="r", minutes=minutes)


def decided(name="PRD-00001", db=100, redis=20, **kwargs):
    how = {"approved_by": "kim", "reason": "실사 완료", "action": Action.REDIS_RESTORED}
    return replace(event(name, db=db, redis=redis), **(how | kwargs))


@pytest.mark.parametrize(
    ("locale", "restored", "undone"),
    [
        (
            "ko",
            "✅ 승인 복원: PRD-00001 20→100, 승인자 kim, 사유 실사 완료",
            "↩️ 승인 복원 취소: PRD-00001 현재 Redis 20 (DB 100), 승인자 kim, 사유 실사 완료",
        ),
        (
            "en",
            "✅ Approved restore: PRD-00001 20→100, approved by kim, reason: 실사 완료",
            "↩️ Approved restore undone: PRD-00001 Redis now 20 (DB 100), approved by kim, reason: 실사 완료",
        ),
    ],
)
def test_a_persons_decision_is_told_in_one_line_with_the_name_and_the_reason(locale, restored, undone):
    texts = AlertTexts(Wording(locale), SEOUL, "@backend-team")

    assert texts.approved(batch_of(decided()).approved).text == restored
    taken_back = decided(action=Action.MANUAL_REVIEW_REQUIRED)
    assert texts.approved(batch_of(taken_back).approved).text == undone


def test_a_decision_about_many_products_lists_the_largest_and_counts_the_rest(texts):
    batch = batch_of(*(decided(f"PRD-{n:03}", db=1000 + n) for n in range(25)))
    lines = texts.approved(batch.approved).text.splitlines()

    assert lines[0] == "✅ 승인 복원: 25건, 승인자 kim, 사유 실사 완료"
    assert lines[1] == "1. PRD-024 20→1,024"
    assert lines[-1] == "외 5건"


def test_nobody_is_called_for_what_a_person_decided_however_large(texts):
    batch = batch_of(decided(db=1000), decided("PRD-2", db=1000, action=Action.MANUAL_REVIEW_REQUIRED))

    assert (batch.urgent.count, batch.approved.count) == (0, 2)
