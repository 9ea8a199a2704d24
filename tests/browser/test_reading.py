"""What people read on the page, in a real browser, inside Airflow's UI."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from stocksync.model.address import segment
from tests.kit.browser import PHONE, WIDE
from tests.kit.ops_history import HOSTILE, RUN

pytestmark = pytest.mark.timeout(240)


def a_bad_night(history):
    """A week of nights; in the last, products differ by more than may be restored."""
    for ago in range(7, 0, -1):
        history.ran(f"scheduled__{ago}", days_ago=ago, severities=["LOW"] * (3 + ago % 4) + ["MEDIUM"] * 2)
    history.ran(severities=["LOW"] * 4 + ["HIGH"] + ["CRITICAL"] * 2)
    history.found("PRD-00001", 100, 20, name="Linen shirt S", cause="BUG", nights=3)
    history.found("PRD-04711", 40, 300, name="무선 이어폰", cause="RACE")
    history.found("PRD-00815", 25, None, name="Oak table", cause="REDIS_LOSS")


def test_a_night_without_open_cases_is_good_at_first_sight(history, person):
    history.ran(severities=["LOW"] * 3)

    someone = person()

    expect(someone.page.locator("h1.m-good")).to_contain_text("정상")
    someone.reads("상품 10,000개 중 자동 복원 3개, 수동 검토 0개")


def test_a_night_with_a_critical_case_is_bad_at_first_sight(history, person):
    a_bad_night(history)

    someone = person()

    expect(someone.page.locator("h1.m-bad")).to_contain_text("심각한 불일치 2건이 결정을 기다립니다")
    someone.reads("초과 판매 위험").reads("260개").reads("사라진 키 1개 모두 복원")
    someone.shot("page")


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"status": "failed"}, "실행이 실패했습니다"),
        ({"status": "partial"}, "일부만 끝났습니다"),
        ({"mass_loss": True}, "키가 대량으로 사라졌습니다"),
        ({"days_ago": 2}, "실행 결과가 없습니다"),
    ],
)
def test_a_night_that_went_wrong_is_bad_though_nothing_is_open(history, person, told, says):
    history.ran(**told)

    expect(person().page.locator("h1.m-bad")).to_contain_text(says)


def test_the_queue_says_in_words_what_each_difference_means_and_can_be_searched_and_sorted(history, person):
    a_bad_night(history)

    someone = person("viewer", "reviews")

    names = someone.page.locator("tbody .product bdi")
    expect(names).to_contain_text(["PRD-04711", "PRD-00001", "PRD-00815"])
    someone.reads("260개 초과 판매 위험").reads("80개 못 파는 중")
    someone.shot("queue")
    someone.page.get_by_role("link", name="원장").click()
    expect(someone.page.locator("tbody .product").first).to_contain_text("PRD-00001")
    someone.page.get_by_label("상품 검색").fill("이어폰")
    someone.tab.keyboard.press("Enter")
    expect(someone.page.locator("tbody tr")).to_have_count(1)
    someone.reads("PRD-04711")


def test_a_product_shows_what_both_stores_hold_now_and_all_that_was_found(history, person, shop, at_work):
    a_bad_night(history)
    at_work.shop.stock([("PRD-00001", 100, 35)])

    someone = person("viewer", "products/PRD-00001")

    expect(someone.page.locator("[data-now=discrepancy]")).to_have_text("+65")
    someone.reads("3일째").reads("코드 결함")
    someone.shot("product")


def test_a_product_page_says_so_when_a_store_does_not_answer(history, person, shop, at_work):
    at_work.shop.stock([("PRD-00001", 100, 35)])
    [redis] = [server for server in at_work.stack.services if server.name == "Redis"]

    redis.process.pause()
    try:
        someone = person("viewer", "products/PRD-00001")
        expect(someone.page.locator("[data-now=error]")).not_to_be_empty()
    finally:
        redis.process.resume()
    someone.page.get_by_role("button", name="다시 읽기").click()

    expect(someone.page.locator("[data-now=redis]")).to_have_text("35")


def test_a_run_lists_what_it_found_and_is_a_tab_of_the_dag_run(history, person):
    a_bad_night(history)

    someone = person("viewer", f"runs/{segment(RUN)}?severity=CRITICAL")

    expect(someone.page.locator("tbody tr")).to_have_count(2)
    views = person("admin").fetches("/api/v2/plugins?limit=50")[1]
    assert '"href":"stock-sync/runs/{RUN_ID}?dag={DAG_ID}"' in views


def test_decisions_are_listed_with_who_why_and_what_became_of_them(history, person):
    history.decided("manual__1", "restore", ["PRD-00001"], by="op", reason="counted the shelf")
    history.decided("manual__2", "keep", ["PRD-00002", "PRD-00003"], by="admin", outcome="kept")
    history.decided("manual__3", "restore", ["PRD-00004"], outcome="stale")

    someone = person("viewer", "decisions")

    expect(someone.page.locator("tbody tr")).to_have_count(3)
    someone.reads("counted the shelf").reads("그사이 달라짐").reads("2개 상품")
    someone.page.get_by_label("사람, 사유, 상품 검색").fill("PRD-00002")
    someone.tab.keyboard.press("Enter")
    expect(someone.page.locator("tbody tr")).to_have_count(1)


def test_without_any_history_the_page_says_that_there_is_none(history, person):
    person().reads("아직 실행 기록이 없습니다")


def test_hostile_ids_are_text_wherever_they_stand_and_their_links_survive_the_log_in(history, person):
    history.ran(severities=["CRITICAL"] * len(HOSTILE))
    for number, hostile in enumerate(HOSTILE.values()):
        history.found(hostile, 100, 20, name=hostile)
        history.decided(f"manual__{number}", "restore", [hostile], by=hostile, reason=hostile, outcome="stale")
    shown = [each.replace("\u202e", "\\u202e").replace("\u202c", "\\u202c") for each in HOSTILE.values()]

    someone = person("op", f"products/{segment(HOSTILE['address'])}")

    expect(someone.page.locator("h1 bdi").first).to_have_text(HOSTILE["address"])
    for path in ("reviews", "decisions", f"runs/{segment(RUN)}"):
        someone.goes_to(path)
        for each in shown:
            expect(someone.page.locator("main bdi", has_text=each).first).to_be_visible()
        assert someone.page.locator("main img, main script, main [onerror]").count() == 0
    for each in shown:
        someone.goes_straight_to("reviews")
        someone.tab.locator("tbody .product > bdi").get_by_text(each, exact=True).click()
        expect(someone.tab.locator("h1 bdi").first).to_have_text(each)
    assert someone.tab.title() != "1"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_part_is_accessible_wide_and_on_a_phone(history, person, theme):
    a_bad_night(history)
    history.decided("manual__1", "restore", ["PRD-00002"])
    someone = person("op", theme=theme)
    expect(someone.page.locator("html")).to_have_attribute("data-theme", theme)
    someone.shot(f"page-{theme}")

    found = []
    for size in (WIDE, PHONE):
        someone.tab.set_viewport_size({"width": size[0], "height": size[1]})
        for path in ("", "reviews", "products/PRD-00001", f"runs/{segment(RUN)}", "decisions", "decisions/manual__1"):
            someone.goes_straight_to(path)
            expect(someone.tab.locator("html")).to_have_attribute("data-theme", theme)
            assert someone.tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), (path, size)
            found += [(path, size[0], *each) for each in complaints_of(someone.tab)]
            someone.shot(f"{theme}-{size[0]}-{path.split('/')[0] or 'overview'}")

    assert found == []


def complaints_of(page):
    """What axe has to say of a page."""
    violations = Axe().run(page).response["violations"]
    return [(each["id"], [node["html"][:200] for node in each["nodes"]][:3]) for each in violations]


@pytest.mark.parametrize(("language", "says"), [("ko", "결정을 기다립니다"), ("en", "wait for a decision")])
def test_the_page_speaks_the_language_of_the_ui(history, person, language, says):
    a_bad_night(history)

    someone = person(language=language).reads(says)

    expect(someone.page.locator("html")).to_have_attribute("lang", language)


def test_a_file_of_findings_holds_no_formula(history, person):
    history.ran(severities=["CRITICAL"])
    history.found('=HYPERLINK("https://example.org")', 100, 20)

    status, text = person("viewer").fetches(f"runs/{segment(RUN)}?form=csv")

    assert status == 200
    assert re.search(r"^\"?'=HYPERLINK", text, re.MULTILINE)


def test_nobody_sees_anything_without_logging_in(at_work, chromium):
    window = chromium.new_context()
    paths = ["", "reviews", "reviews/matching", "now?id=1", "products/1", "runs/1", "runs/1?form=csv", "decisions"]
    paths += ["decisions/1", "decisions/1?form=json", "static/page.js", "anything"]

    answers = [window.request.get(f"{at_work.stack.airflow.url}/stock-sync/{path}") for path in paths]
    window.close()

    assert {answer.status for answer in answers[:-1]} == {401}
    assert answers[-1].status in {401, 404}
