"""What the demo expects people to be told, held against the specification's own words."""

from dataclasses import replace
from datetime import datetime

import pytest

from local.demo.catalogue import Counter, Product
from local.demo.expectation import expect
from local.demo.morning import Reports
from local.demo.night import Night
from local.demo.people import Clock, Manner, Told
from local.demo.people_checks import check_pagerduty, check_report, check_slack
from local.demo.scenarios import check_scenarios
from local.demo.wording import ENGLISH

AT = 1_705_252_500_000  # 2024-01-15 02:15:00 in Seoul
FINISHED = datetime.fromisoformat("2024-01-15T02:14:32+09:00")


def product(name, stock, cached):
    return Product(name, "a mug", stock, Counter(b"%d" % cached))


def told(*products, manner=None, seconds=872.4):
    expected = expect(products)
    detected = dict.fromkeys([alert["productId"] for alert in expected.alerts], AT)
    return Told(expected, Clock("run-1", "2024-01-15", FINISHED, seconds, detected), manner or Manner())


def posted(text, channel="#stock-alerts", shown=None):
    blocks = [{"type": "section", "text": {"type": "plain_text", "text": text if shown is None else shown}}]
    return {"channel": channel, "text": text, "blocks": blocks}


def event(incident, **other):
    incident = incident | other
    payload = {name: incident[name] for name in ("severity", "summary", "custom_details")} | {"source": "stock-sync"}
    return {"event_action": incident["event_action"], "dedup_key": incident["dedup_key"], "payload": payload}


def failed(checks):
    return {check.what: check.differences for check in checks if not check.passed}


RIGHT = product("PRD-900", 1, 1)
NIGHT = told(product("PRD-001", 100, 20), product("PRD-002", 30, 60), product("PRD-123", 8, 3), RIGHT)


def test_the_original_s_urgent_message():
    assert told(product("PRD-001", 100, 20)).messages() == [
        (
            "🚨 [긴급] 재고 심각한 불일치 발견\n"
            "- 날짜: 2024-01-15 02:15:00\n"
            "- 상품 ID: PRD-001\n"
            "- DB 재고: 100\n"
            "- Redis 재고: 20\n"
            "- 차이: 80개\n"
            "\n"
            "⚠️ 수동 검토가 필요합니다.\n"
            "담당자: @backend-team"
        )
    ]


def test_the_original_s_digest():
    small = [product(f"PRD-{number}", 8, 3 if number == 123 else 7) for number in range(115, 130)]
    assert told(*small).messages() == [
        (
            "[재고 동기화] 자동 복원 완료\n"
            "- 날짜: 2024-01-15 02:15:00\n"
            "- 불일치 건수: 15건\n"
            "- 복원 완료: 15건\n"
            "- 최대 차이: 5개 (PRD-123)"
        )
    ]


def test_the_original_s_report():
    right = [product(f"PRD-{number:05}", 5, 5) for number in range(9985)]
    small = [product(f"PRX-{number}", 8, 7) for number in range(14)]
    report = told(product("PRD-001", 100, 85), *small, *right).report()
    assert report.startswith(
        "=== 재고 동기화 일일 리포트 ===\n"
        "날짜: 2024-01-15\n"
        "\n"
        "📊 요약\n"
        "- 전체 상품: 10,000개\n"
        "- 정상: 9,985개 (99.85%)\n"
        "- 불일치: 15개 (0.15%)\n"
        "\n"
        "🔧 조치 내역\n"
        "- 자동 복원: 14건\n"
        "- 수동 검토: 1건\n"
        "\n"
        "⚠️ 주의 상품\n"
        "1. PRD-001: 차이 15개 (수동 검토 필요)\n"
        "\n"
        "✅ 동기화 완료: 02:14:32\n"
        "\n"
        "📈 모니터링 포인트\n"
        "- 평균 불일치 수량: 1.93개\n"
        "- 동기화 실행 시간: 14분 32초\n"
        "- 긴급 알림: 0건\n"
        "- 불일치 상품 Top 10\n"
        "  1. PRD-001: 차이 15개 (DB 100, Redis 85, 수동 검토)\n"
        "  2. PRX-0: 차이 1개 (DB 8, Redis 7, 자동 복원)\n"
    )


def test_a_report_of_a_healthy_day_and_of_junk_and_with_a_day_before():
    healthy = told(RIGHT).report()
    assert "⚠️ 주의 상품\n없음\n" in healthy
    assert healthy.endswith("- 긴급 알림: 0건")
    assert "- 잘못된 값(건드리지 않음): 1개\n\n🔧" in told(Product("A", "", 5, Counter(b"5.5"))).report()
    assert "대비: 불일치 -2건 (평균 5건)\n" in NIGHT.report({"restored": 4, "manual_review": 1})


@pytest.mark.parametrize(("urgent", "messages", "incidents"), [(10, 10, 10), (11, 11, 11), (25, 11, 11)])
def test_people_are_not_flooded(urgent, messages, incidents):
    flood = told(*(product(f"PRD-{number:03}", 500 + number, 0) for number in range(urgent)))
    assert (len(flood.messages()), len(flood.incidents())) == (messages, incidents)
    if urgent > 10:
        assert f": 그 외 {urgent - 10}개 상품\n" in flood.messages()[-1]
        assert flood.incidents()[-1]["dedup_key"] == "stock-sync/more/run:run-1"


def test_a_long_list_is_cut_and_counts_the_rest():
    (text,) = told(*(product(f"PRD-{number:03}", 100, 60) for number in range(23))).messages()
    assert "20. PRD-019: 차이 40개 (DB 100, Redis 60)\n외 3건\n\n⚠️" in text


def test_settings_say_how_people_are_spoken_to():
    manner = Manner.from_environment({"STOCK_SYNC_LOCALE": "en", "STOCK_SYNC_SLACK_MENTION": "@ops"})
    assert manner == Manner(ENGLISH, "#stock-alerts", "@ops")
    assert told(product("A", 100, 0), manner=manner).messages()[0].endswith("required.\nResponsible: @ops")
    assert Manner.from_environment({"STOCK_SYNC_LOCALE": ""}) == Manner()


def test_what_should_be_told_passes():
    slack = [posted(text) for text in NIGHT.messages()]
    report = NIGHT.report()
    assert failed(check_slack([*slack, posted(report)], NIGHT)) == {}
    assert failed(check_pagerduty([event(each) for each in NIGHT.incidents()], NIGHT)) == {}
    assert failed(check_report(Reports(report), Night({}), [*slack, posted(report)], NIGHT)) == {}
    assert failed(check_report(Reports(report), Night({}), None, NIGHT)) == {}


def test_a_number_that_differs_is_told_with_its_line():
    slack = [posted(text.replace("복원 완료: 1건", "복원 완료: 2건")) for text in NIGHT.messages()]
    assert failed(check_slack(slack, NIGHT)) == {
        "1 digest of what was restored, line by line": ("line 4 is '- 복원 완료: 2건', should be '- 복원 완료: 1건'",)
    }


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda said: said[1:], "1 urgent messages, one a product"),
        (lambda said: [said[0], *said], "1 urgent messages, one a product"),
        (lambda said: said[:1] + said[2:], "1 list of what a person should look at, line by line"),
        (lambda said: [*said, posted("hello")], "nothing else was said about it"),
        (lambda said: [*said, posted("hello")], "3 Slack messages about the run, 20 at most"),
        (
            lambda said: [*said[1:], said[0] | {"channel": "#random"}],
            "every message is in #stock-alerts and shows what its plain text says",
        ),
        (
            lambda said: [*said[:-1], posted(said[-1]["text"], shown="something else")],
            "every message is in #stock-alerts and shows what its plain text says",
        ),
    ],
)
def test_slack_messages_that_are_wrong_are_told(change, complaint):
    assert complaint in failed(check_slack(change([posted(text) for text in NIGHT.messages()]), NIGHT))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"severity": "warning"}, "stock-sync/product/PRD-001: severity is 'warning', should be 'critical'"),
        ({"event_action": "resolve"}, "missing: trigger stock-sync/product/PRD-001"),
        ({"dedup_key": "x"}, "unexpected: trigger x"),
    ],
)
def test_an_incident_that_is_wrong_is_told(change, complaint):
    (incident,) = NIGHT.incidents()
    said = failed(check_pagerduty([event(incident, **change)], NIGHT)).values()
    assert complaint in [each for differences in said for each in differences]


def test_yesterday_s_report_must_say_why_it_is_empty_and_be_posted_too():
    today, before = NIGHT.report(), "=== 재고 동기화 일일 리포트 ===\n❌ 실행 없음(NO RUN)"
    both = Reports(today, before)
    slack = [posted(before), posted(today)]
    assert failed(check_report(both, Night({}), slack, NIGHT)) == {}
    assert failed(check_report(replace(both, before="all is well"), Night({}), None, NIGHT)) == {
        "yesterday's report says NO RUN at the top": ("it says: all is well",)
    }
    assert list(failed(check_report(both, Night({}), slack[:1], NIGHT))) == [
        "what was reported was posted to Slack as it is"
    ]


def test_the_two_scenarios_are_looked_for_by_their_stories():
    small = replace(product("PRD-7", 5, 4), story="lost in a Redis restart (scenario 1)")
    large = replace(product("PRD-1", 100, 20), story="stock given back wrongly (scenario 2)")
    events = expect([small, large]).alerts
    both = told(small, large)
    slack, called = [posted(text) for text in both.messages()], [event(each) for each in both.incidents()]
    assert failed(check_scenarios([small, large], events, slack, called)) == {}
    assert failed(check_scenarios([small, large], events, None, None)) == {}
    first, second = check_scenarios([small, large], [], [], [])
    assert first.differences == ("PRD-7: None",)
    assert second.differences == ("PRD-1: None", "PRD-1: no Slack message names it", "PRD-1: nobody was called")
