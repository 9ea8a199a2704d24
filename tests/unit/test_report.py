"""The daily report, with the original's own numbers."""

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from stocksync.bootstrap import Bootstrap
from stocksync.errors import BadSetting, CacheUnavailable, LedgerUnavailable
from stocksync.model.specimen import Resemblance
from stocksync.reporting.day import Figures, RunOfDay, RunState, share
from stocksync.settings import Settings
from tests.kit.summaries import SUMMARY, top_entry

SEOUL = ZoneInfo("Asia/Seoul")
DAY = date(2024, 1, 15)
NINE = datetime(2024, 1, 15, 0, 0, tzinfo=UTC)

ORIGINAL = """\
=== 재고 동기화 일일 리포트 ===
날짜: 2024-01-15

📊 요약
- 전체 상품: 10,000개
- 정상: 9,985개 (99.85%)
- 불일치: 15개 (0.15%)

🔧 조치 내역
- 자동 복원: 14건
- 수동 검토: 1건

⚠️ 주의 상품
1. PRD-001: 차이 15개 (수동 검토 필요)

✅ 동기화 완료: 02:14:32
"""

MONITORING = """
📈 모니터링 포인트
- 평균 불일치 수량: 3.67개
- 동기화 실행 시간: 14분 32초
- 긴급 알림: 0건
- 최근 2회 리포트 대비: 불일치 +2.5건 (평균 12.5건)
- 불일치 상품 Top 10 (주의 상품 외)
  1. PRD-123: 차이 5개 (DB 20, Redis 15, 자동 복원)"""

ENGLISH = """\
=== Daily stock sync report ===
Date: 2024-01-15

📊 Summary
- Products: 10,000
- Matched: 9,985 (99.85%)
- Discrepancies: 15 (0.15%)
- Invalid value (left alone): 2

🔧 Actions
- Restored automatically: 14
- Manual review: 1

⚠️ Products that need attention
1. PRD-001: difference 15 (manual review required)

✅ Sync complete: 02:14:32

📈 Monitoring
- Mean discrepancy: 3.67
- Run time: 14 min 32 s
- Urgent alerts: 0
- Against 1 earlier report: discrepancies +5 (mean 10)
- Top 10 discrepancies (besides those above)
  1. PRD-123: difference 5 (DB 20, Redis 15, restored)"""


def run(summary=SUMMARY, state=RunState.FINISHED, **changes):
    changed = replace(summary, **changes)
    return RunOfDay(changed.run_id, state, changed)


class RunsAndReports:
    """Implements RunHistory on lists."""

    def __init__(self, runs, reports):
        self._runs, self._reports = runs, reports

    def runs_of(self, day):
        return self._runs

    def earlier_figures(self):
        return self._reports


class Stores:
    """Implements CatalogueNow on a dict: `{"a": (100, 97)}`; a counter of None is missing, a `down` store says why."""

    def __init__(self, products, down=None):
        self._products, self._down = products, down
        self.closed = False

    def read(self, product_ids):
        if self._down:
            raise self._down
        held = {i: self._products[i] for i in product_ids if i in self._products}
        return {i: tuple(None if n is None else str(n).encode() for n in pair) for i, pair in held.items()}

    def sample(self, most):
        return list(self._products)[:most]

    def close(self):
        self.closed = True


def report(*runs, earlier=(), now=NINE, locale="ko", day=DAY, stores=None, policy="zero"):
    history = RunsAndReports(runs, earlier)
    parts = Bootstrap(None, Settings(locale=locale, missing_key_policy=policy))
    look = None if stores is None else lambda: stores
    return parts.reporter(history, look).report(day, now).message.text


def top_of(text):
    return text.split("\n\n")[0].splitlines()[2:]


def test_the_report_is_the_originals_to_the_letter():
    assert report(run()).startswith(ORIGINAL)


def test_the_report_exists_in_english_to_the_letter():
    assert report(run(invalid=2), earlier=[Figures("2024-01-14", 10)], locale="en") == ENGLISH


def test_the_monitoring_points_follow():
    earlier = [Figures("2024-01-14", 10), Figures("2024-01-13", 15)]
    assert report(run(), earlier=earlier) == ORIGINAL + MONITORING


def test_without_earlier_reports_there_is_nothing_to_compare():
    assert "리포트 대비" not in report(run())


def test_the_last_seven_reports_are_compared_one_a_date_the_newest_counts():
    earlier = [Figures(f"2024-01-{n:02}", 15) for n in range(14, 0, -1)]
    text = report(run(), earlier=[Figures("2024-01-15", 900), Figures("2024-01-16", 900), *earlier])
    assert "- 최근 7회 리포트 대비: 불일치 +0건 (평균 15건)" in text
    rewritten = [Figures("2024-01-14", 8), Figures("2024-01-14", 900)]
    assert "- 최근 1회 리포트 대비: 불일치 +7건 (평균 8건)" in report(run(), earlier=rewritten)


def test_a_day_without_a_run_says_so_and_shows_no_numbers():
    assert report() == (
        "=== 재고 동기화 일일 리포트 ===\n날짜: 2024-01-15\n"
        "❌ 실행 없음(NO RUN): 이 날짜의 재고 동기화 실행이 없습니다."
    )


def test_a_failed_run_without_numbers_is_named_at_the_top():
    text = report(RunOfDay("scheduled__1", RunState.FAILED, None))
    assert top_of(text) == ["❌ 실행 실패(FAILED): scheduled__1"]
    assert "📊" not in text


def test_a_failed_run_with_numbers_is_named_at_the_top_and_its_numbers_follow():
    text = report(run(status="failed", unprocessed=1_000, matched=8_985, state=RunState.FAILED))
    assert top_of(text) == [f"❌ 실행 실패(FAILED): {SUMMARY.run_id} - 상품 1,000개를 처리하지 못했습니다."]
    assert "- 미처리: 1,000개" in text
    assert "❌ 동기화 실패: 02:14:32" in text
    assert "✅" not in text


def test_a_partial_run_says_partial_at_the_top():
    text = report(run(status="partial", unprocessed=1_000, matched=8_985, state=RunState.FAILED))
    assert top_of(text) == [f"⚠️ 부분 실행(PARTIAL): {SUMMARY.run_id} - 상품 1,000개를 처리하지 못했습니다."]
    assert "⚠️ 동기화 부분 완료: 02:14:32" in text


@pytest.mark.parametrize("state", ["partial", "failed"])
@pytest.mark.parametrize(
    ("locale", "said"),
    [
        ("ko", "상품 120개가 계속 변동 중이어서 건드리지 않았습니다. 값이 틀릴 수 있습니다."),
        ("en", "120 products kept changing and were left alone; they may be wrong."),
    ],
)
def test_where_many_products_kept_changing_the_top_says_how_many(state, locale, said):
    text = report(run(status=state, changed=120, matched=9_865, state=RunState.FAILED), locale=locale)
    assert top_of(text)[0].endswith(f"{SUMMARY.run_id} - {said}")
    assert "✅" not in text


def test_the_bestsellers_of_any_night_are_no_notice():
    assert top_of(report(run(changed=100, matched=9_885))) == []
    [line] = top_of(report(run(status="partial", unprocessed=7, changed=99, matched=9_879)))
    assert line.endswith("상품 7개를 처리하지 못했습니다.")


def test_a_run_that_is_still_at_work_is_no_failure():
    assert top_of(report(RunOfDay("manual__1", RunState.RUNNING, None)))[0].startswith("⏳ 실행 중(RUNNING)")


def test_the_scheduled_run_is_the_headline_and_a_later_one_is_a_line():
    later = run(
        run_id="manual__1", run_type="manual", finished_at="2024-01-15T03:10:00+09:00", restored=0, matched=9_999
    )
    text = report(later, run())
    assert text.startswith(ORIGINAL)
    assert text.endswith(
        "🔁 그 외 실행\n- manual__1: 완료 03:10:00, 전체 10,000개, 불일치 1개, 자동 복원 0건, 수동 검토 1건"
    )


def test_without_a_scheduled_run_the_latest_finished_one_is_the_headline():
    early = run(run_id="manual__1", run_type="manual", total=1, finished_at="2024-01-15T01:00:00+09:00")
    late = run(run_id="manual__2", run_type="manual", finished_at="2024-01-15T08:00:00+09:00")
    text = report(late, early)
    assert "✅ 동기화 완료: 08:00:00" in text
    assert "- manual__1: 완료 01:00:00" in text


def test_a_failed_scheduled_run_is_named_though_a_later_one_has_the_numbers():
    text = report(RunOfDay("scheduled__1", RunState.FAILED, None), run(run_type="manual"))
    assert top_of(text) == ["❌ 실행 실패(FAILED): scheduled__1"]
    assert "- 전체 상품: 10,000개" in text


def test_a_dry_run_says_that_its_numbers_are_what_it_would_have_done():
    assert top_of(report(run(dry_run=True)))[0][3:].startswith("모의 실행(DRY RUN)")


def test_an_empty_catalogue_is_said_loudly():
    text = report(run(total=0, matched=0, restored=0, manual_review=0, top=[]))
    assert top_of(text) == ["⚠️ 상품 없음(EMPTY): 상품 테이블에 상품이 하나도 없습니다."]
    assert "⚠️ 주의 상품\n없음\n" in text


def test_a_report_of_a_past_date_says_so():
    text = report(run(), now=datetime(2024, 1, 20, 0, 30, tzinfo=UTC))
    [line] = top_of(text)
    assert line.endswith("지난 날짜의 리포트입니다. (작성: 2024-01-20 09:30:00)")


def test_more_products_to_review_than_the_top_ten_are_counted():
    top = [top_entry(f"PRD-{n:03}", 100 - n, 0, "MANUAL_REVIEW_REQUIRED") for n in range(10)]
    text = report(run(top=top, manual_review=1_234))
    assert "10. PRD-009: 차이 91개 (수동 검토 필요)\n외 1,224건\n" in text


def test_products_that_were_left_alone_are_shown_so_that_the_numbers_add_up():
    text = report(run(matched=9_980, changed=3, invalid=2))
    assert "- 변동 중(건드리지 않음): 3개\n- 잘못된 값(건드리지 않음): 2개\n" in text


def test_the_report_exists_in_english():
    text = report(run(), locale="en")
    assert "- Matched: 9,985 (99.85%)" in text
    assert "✅ Sync complete: 02:14:32" in text


@pytest.mark.parametrize(
    ("count", "products", "reports"),
    [(1, "1 product was", "1 earlier report"), (2, "2 products were", "2 earlier reports")],
)
def test_in_english_one_is_one_and_two_are_two(count, products, reports):
    earlier = [Figures(f"2024-01-{14 - n}", 15) for n in range(count)]
    for status in ("partial", "failed"):
        text = report(run(status=status, unprocessed=count, matched=9_985 - count), earlier=earlier, locale="en")
        assert f"{SUMMARY.run_id} - {products} not processed.\n" in text
    assert f"- Against {reports}: discrepancies +0 (mean 15)\n" in text


@pytest.mark.parametrize("locale", ["ko", "en"])
def test_a_partial_run_that_has_no_product_left_does_not_say_that_0_were_not_processed(locale):
    line = top_of(report(run(status="partial"), locale=locale))[0]
    assert line.endswith(f"(PARTIAL): {SUMMARY.run_id}" if locale == "ko" else f"PARTIAL: {SUMMARY.run_id}")


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [
        (9_985, 10_000, "99.85"),
        (1, 1, "100.00"),
        (999_999, 1_000_000, "99.99"),
        (1, 1_000_000, "0.01"),
        (0, 10, "0.00"),
        (0, 0, "0.00"),
    ],
)
def test_only_all_is_100_percent_and_only_none_is_0_percent(part, whole, shown):
    assert share(part, whole) == shown


# --- a day that gets worse ---------------------------------------------------------------------------------------

FLUSH = {"run_id": "manual__flush", "run_type": "manual", "finished_at": "2024-01-15T08:31:00+09:00"}


def flush(**changes):
    numbers = {"matched": 0, "restored": 0, "manual_review": 10_000, "missing_keys": 10_000, "top": []}
    return run(**FLUSH | numbers | changes)


def test_a_later_run_that_is_far_worse_is_on_top_with_its_numbers_and_the_nightly_one_is_a_line():
    text = report(run(), flush())

    [line] = top_of(text)
    assert line == (
        "🚨 나중 실행이 더 나쁨(WORSE): manual__flush - 이상 상품이 15개에서 10,000개로 늘었습니다. "
        "아래 숫자는 이 실행의 결과입니다."
    )
    assert "- 정상: 0개 (0.00%)\n- 불일치: 10,000개 (100.00%)\n- 키 없음: 10,000개 (100.00%)\n" in text
    assert "✅" not in text
    assert f"🔁 그 외 실행\n- {SUMMARY.run_id}: 완료 02:14:32" in text


def test_a_dry_run_that_saw_the_flush_is_on_top_too():
    text = report(run(), flush(dry_run=True))
    assert [line.partition(":")[0] for line in top_of(text)] == [
        "🚨 나중 실행이 더 나쁨(WORSE)",
        "\u2139\ufe0f 모의 실행(DRY RUN)",
    ]


@pytest.mark.parametrize(
    "later",
    [
        flush(manual_review=20, matched=9_980),  # not much worse
        flush(total=100, manual_review=100),  # a look at a few products
        flush(run_type="backfill"),  # today's stores under the name of another day
        flush(finished_at="2024-01-15T01:00:00+09:00"),  # before it
    ],
    ids=["little worse", "few products", "a backfill", "earlier"],
)
def test_any_other_run_stays_a_line_below_the_scheduled_one(later):
    assert report(later, run()).startswith(ORIGINAL)


def test_without_a_scheduled_run_a_dry_run_does_not_hide_a_real_one():
    real = run(run_id="manual__real", run_type="manual", total=1, finished_at="2024-01-15T01:00:00+09:00")
    dry = run(run_id="manual__dry", run_type="manual", dry_run=True, finished_at="2024-01-15T08:00:00+09:00")
    text = report(dry, real)
    assert "✅ 동기화 완료: 01:00:00" in text
    assert "- manual__dry: 완료 08:00:00" in text


# --- how it stands now -------------------------------------------------------------------------------------------


def now_of(text):
    return text.partition("🔍 지금 다시 확인 (09:00:00)\n")[2].partition("\n\n")[0].splitlines()


def test_a_product_that_was_restored_since_is_said_to_be_resolved():
    assert now_of(report(run(), stores=Stores({"PRD-001": (100, 100), "PRD-123": (20, 20)}))) == [
        "- PRD-001: 해결됨 (DB 100, Redis 100), 실행 당시 DB 100, Redis 85",
        "- 표본 2개: 불일치 0개 (처리 중인 주문 포함), 키 없음 0개",
    ]


def test_a_product_that_is_still_open_says_which_way_it_differs():
    stores = Stores({"PRD-001": (100, 120), "PRD-123": (20, 20)})
    assert now_of(report(run(), stores=stores))[0] == (
        "- PRD-001: 여전히 불일치 (DB 100, Redis 120, Redis가 20개 많음: 초과 판매 위험), 실행 당시 DB 100, Redis 85"
    )


def test_a_product_that_is_as_the_run_found_it_is_shown_with_its_numbers_once():
    stores = Stores({"PRD-001": (100, 85), "PRD-123": (20, 20)})
    assert now_of(report(run(), stores=stores))[0] == "- PRD-001: 여전히 불일치 (DB 100, Redis 85, Redis가 15개 적음)"


def test_a_restored_product_that_differs_again_is_new():
    stores = Stores({"PRD-001": (100, 100), "PRD-123": (20, 1)})
    assert now_of(report(run(), stores=stores))[1] == (
        "- PRD-123: 복원 후 다시 불일치 (DB 20, Redis 1, Redis가 19개 적음), 실행 당시 DB 20, Redis 15"
    )


@pytest.mark.parametrize(
    ("held", "policy", "said"),
    [
        ({}, "zero", "DB에 없음"),
        ({"PRD-001": (100, "x")}, "zero", "잘못된 값"),
        ({"PRD-001": (100, None)}, "ignore", "키 없음"),
    ],
)
def test_a_product_that_can_not_be_compared_now_says_why(held, policy, said):
    assert now_of(report(run(), stores=Stores(held), policy=policy))[0].startswith(f"- PRD-001: {said}, 실행 당시")


@pytest.mark.parametrize("policy", ["zero", "ignore"])
def test_a_flush_after_the_night_is_said_on_top_and_the_nights_tick_is_none_any_more(policy):
    stores = Stores({f"P-{n}": (7, None) for n in range(990)} | {f"Q-{n}": (7, 7) for n in range(10)})
    text = report(run(), stores=stores, policy=policy)

    [line] = top_of(text)
    assert line == (
        "🚨 캐시 유실(FLUSHED): 09:00:00 현재 표본 1,000개 중 990개의 키가 Redis에 없습니다. "
        "아래 실행 결과는 더 이상 유효하지 않습니다."
    )
    assert "✅" not in text


def test_a_few_keys_that_are_missing_or_have_no_stock_are_no_flush():
    few = Stores({f"P-{n}": (7, 7) for n in range(98)} | {"a": (5, None), "b": (5, None)})
    sold_out = Stores({f"P-{n}": (0, None) for n in range(100)})
    for stores in (few, sold_out):
        assert report(run(), stores=stores).startswith(ORIGINAL)


@pytest.mark.parametrize("error", [LedgerUnavailable, CacheUnavailable, BadSetting])
def test_a_report_that_cannot_look_at_the_stores_says_so_and_is_written(error):
    stores = Stores({}, down=error("the store is down"))
    text = report(run(), stores=stores)

    assert text.startswith(ORIGINAL)
    assert now_of(text) == ["⚠️ 확인하지 못했습니다: the store is down"]
    assert stores.closed


def test_a_report_of_a_past_date_does_not_look_at_todays_stores():
    text = report(run(), stores=Stores({}), now=datetime(2024, 1, 20, 0, 30, tzinfo=UTC))
    assert "🔍" not in text


def test_no_product_is_in_the_attention_list_and_in_the_top_ten():
    text = report(run(), stores=Stores({}))
    assert text.partition("🔍")[0].count("PRD-001") == 1


def test_how_it_stands_now_is_said_in_english():
    text = report(run(), stores=Stores({"PRD-001": (100, 120)}), locale="en")
    assert "🔍 Looked at again (09:00:00)\n- PRD-001: still differs (DB 100, Redis 120, Redis 20 too many: may" in text
    assert "- A sample of 1: 1 differs (orders on their way included), 0 have no key" in text


# --- keys that are missing ---------------------------------------------------------------------------------------


def test_a_flush_that_the_policy_ignores_is_not_called_normal():
    text = report(
        run(total=203, matched=203, restored=0, manual_review=0, top=[], missing_keys=203, missing_ignored=203)
    )
    assert "- 정상: 0개 (0.00%)\n" in text
    assert "- 키 없음(정상에서 제외, 건드리지 않음): 203개 (100.00%)\n" in text


def test_missing_keys_are_counted_whatever_was_done_about_them():
    text = report(run(missing_keys=7), run(run_id="manual__1", run_type="manual", missing_keys=3))
    assert "- 키 없음: 7개 (0.07%)\n" in text
    assert text.endswith("수동 검토 1건, 키 없음 3개")


QUOTED = [{"product_id": "P-1\n*", "found": '"97"', "resembles": "quoted"}]


@pytest.mark.parametrize(
    ("locale", "said", "example"),
    [
        ("ko", "🚨 비교 불가(UNREADABLE)", r'  - P-1\n*: "97" (따옴표가 있는 JSON 문자열)'),
        ("en", "🚨 UNREADABLE", r'  - P-1\n*: "97" (quoted, as JSON text)'),
    ],
)
def test_a_night_that_could_compare_nothing_says_so_first_with_what_was_found(locale, said, example):
    broken = run(matched=0, invalid=9_985, status="failed", state=RunState.FAILED, invalid_examples=QUOTED)

    first, second, third = top_of(report(broken, locale=locale))

    assert first.startswith(f"{said}: scheduled__2024-01-14T17:00:00+00:00")
    assert "10,000" in first
    assert "9,985" in first
    assert second == example
    assert "FAILED" in third
    assert "✅" not in report(broken, locale=locale)


@pytest.mark.parametrize("locale", ["ko", "en"])
def test_a_night_on_which_no_product_had_a_key_says_so_first(locale):
    flushed = run(matched=0, manual_review=10_000, missing_keys=10_000, status="failed", empty_cache=True)

    first = top_of(report(flushed, locale=locale))[0]

    assert first.startswith("🚨")
    assert "NO KEYS" in first
    assert "10,000" in first


@pytest.mark.parametrize("resembles", Resemblance)
def test_both_languages_have_words_for_everything_a_value_can_look_like(resembles):
    example = [{"product_id": "P", "found": "", "resembles": resembles.value}]
    broken = run(matched=0, invalid=9_985, invalid_examples=example)

    for locale in ("ko", "en"):
        assert top_of(report(broken, locale=locale))[1].startswith("  - P: (")


@pytest.mark.parametrize("locale", ["ko", "en"])
def test_a_night_on_which_redis_had_lost_its_counters_says_so_first_and_names_the_way_back(locale):
    lost = run(matched=6_000, manual_review=4_000, missing_keys=4_000, mass_loss=True)

    text = report(lost, locale=locale)

    first = top_of(text)[0]
    assert first.startswith("🚨")
    assert all(word in first for word in ("MASS LOSS", "4,000", "stock_sync_review", "missing_keys"))
    assert "✅" not in text


@pytest.mark.parametrize(
    ("locale", "lines"),
    [
        ("ko", ["- 변동 중(건드리지 않음): 5개 (미확정 주문 3개 포함)", "- 예약(미결제 주문): 1,200개"]),
        ("en", ["- Changing (left alone): 5 (3 with orders in doubt)", "- On hold (unpaid orders): 1,200 units"]),
    ],
)
def test_what_is_on_hold_and_in_doubt_is_told(locale, lines):
    said = report(run(changed=5, in_doubt=3, held_units=1_200), locale=locale).splitlines()
    assert [line for line in said if line in lines] == lines
