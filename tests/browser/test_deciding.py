"""What people decide on the page: each decision is made in a real browser and carried out by a real scheduler."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from stocksync.model.address import product_path
from tests.kit.airflow.driver import await_that
from tests.kit.browser import PHONE
from tests.kit.ops_history import HOSTILE

pytestmark = pytest.mark.timeout(300)
REVIEW = "stock_sync_review"
RUNS = f"/api/v2/dags/{REVIEW}/dagRuns"


@pytest.fixture
def api(at_work):
    """Airflow with the DAG of decisions switched on."""
    api = at_work.stack.airflow.api
    await_that(lambda: api.dag_exists(REVIEW), "the DAG is read")
    api.unpause(REVIEW)
    return api


@pytest.fixture
def found(api, history, shop):
    """Puts products into both stores as the last night found them; a counter of None is a missing key."""

    def put(*rows, **how):
        history.ran(severities=["CRITICAL"] * len(rows), missing_keys=sum(redis is None for *_, redis in rows))
        for product_id, ledger, redis in rows:
            history.found(product_id, ledger, redis, **how)
        shop.stock(rows)

    return put


def test_a_product_is_set_right_with_four_clicks_and_the_decision_taken_back(found, shop, person):
    found(("PRD-00001", 100, 20), ("PRD-00002", 40, 300))
    someone = person("op")
    page = someone.page

    someone.clicks(page.get_by_role("link", name="검토 대기").first)
    someone.clicks(page.get_by_role("link", name="PRD-00001"))
    someone.clicks(page.get_by_role("button", name="복원", exact=True))
    expect(someone.will_write).to_have_text(["PRD-0000120100+80"])
    expect(someone.go).to_be_disabled()
    someone.gives("세어 보니 100개")
    someone.clicks(someone.go)

    someone.sees_decision("복원 · PRD-00001", "끝남: 적용 1")
    assert (someone.clicked, shop.counter("PRD-00001"), shop.counter("PRD-00002")) == (4, "100", "300")
    expect(page.locator("[data-now=discrepancy]")).to_have_text("지금은 차이가 없습니다")
    expect(page.locator("tr", has_text="세어 보니 100개")).to_contain_text("20 → 100")
    someone.reads("열린 건이 없습니다")

    shop.cache.decrby("stock:PRD-00001", 3)
    someone.clicks(page.get_by_role("button", name="되돌리기", exact=True))
    expect(someone.will_write).to_have_text(["PRD-0000110020-80"])
    someone.gives("선반을 잘못 셈")
    someone.clicks(someone.go)

    someone.sees_decision("되돌리기 · PRD-00001", "되돌림 1")
    assert shop.counter("PRD-00001") == "17"
    expect(page.locator("tr", has_text="세어 보니 100개")).to_contain_text("되돌림")
    expect(page.get_by_role("button", name="되돌리기", exact=True)).to_have_count(0)


def test_many_products_are_restored_after_their_number_was_typed_in(found, shop, person):
    names = [f"PRD-{number:05}" for number in range(1, 121)]
    found(*((name, 100, 20) for name in names))
    shop.cache.set("stock:PRD-00007", 0)
    someone = person("op", "reviews", language="en", theme="dark")
    page = someone.page

    page.get_by_label("Select this page").check()
    expect(page.locator("#selected")).to_have_text("100 selected")
    page.get_by_role("button", name="Select all 120 that match").click()
    expect(page.locator("#selected")).to_have_text("120 selected")
    page.get_by_role("button", name="Restore", exact=True).click()
    expect(someone.will_write).to_have_count(51)
    someone.gives("the night's flush")
    for typed in ("119", "120 products", ""):
        page.get_by_label("type the number of products: 120").fill(typed)
        expect(someone.go).to_be_disabled()
    page.get_by_label("type the number of products: 120").fill("120")
    someone.shot("dialog-dark")
    someone.go.click()

    someone.sees_decision("Restore · 120", "applied 119", "changed since 1")
    assert {shop.counter(name) for name in names if name != "PRD-00007"} == {"100"}
    assert shop.counter("PRD-00007") == "0"
    expect(page.locator("tbody .product")).to_have_text(["PRD-00007"])
    page.get_by_role("link", name="Details").click()
    someone.reads("the difference is 100, and 80 was seen")


def test_all_missing_keys_are_restored_from_the_banner(found, shop, person):
    found(("PRD-1", 100, None), ("PRD-2", 70, None), ("PRD-3", 60, None), ("PRD-4", 100, 20))
    someone = person("admin")

    someone.page.get_by_role("button", name="사라진 키 3개 모두 복원").click()
    expect(someone.will_write).to_contain_text(["키가 없는 모든 상품 3개"])
    someone.gives("Redis 재시작")
    someone.go.click()

    someone.sees_decision("복원 · 3", "적용 3")
    assert [shop.counter(f"PRD-{n}") for n in range(1, 5)] == ["100", "70", "60", "20"]


def test_on_a_phone_with_the_keyboard_only_below_a_path_a_case_is_kept(found, shop, history, person, below_a_path):
    found(("PRD-1", 100, 20))
    wakes = (history.now + timedelta(days=9)).date()
    someone = person("op", "reviews", language="en", size=PHONE, airflow=below_a_path)
    keys = someone.tab.keyboard

    someone.tabs_to("Select PRD-1")
    keys.press("Space")
    someone.tabs_to("Keep")
    keys.press("Enter")
    expect(someone.page.get_by_role("dialog")).to_be_visible()
    keys.type("the ledger is wrong")
    someone.tabs_to("Wake on (empty: when the difference changes)")
    keys.type(wakes.strftime("%m%d%Y"))
    someone.shot("keep-phone")
    someone.tabs_to("Keep")
    keys.press("Enter")

    someone.sees_decision("Keep · PRD-1", "kept 1")
    assert shop.counter("PRD-1") == "20"
    someone.reads("Nothing matches.")
    someone.goes_to("decisions")
    someone.reads("the ledger is wrong").reads(f"until {wakes:%m-%d}")
    someone.goes_to("reviews?state=asleep").reads("PRD-1")


def test_hostile_ids_are_restored_by_their_names_and_stay_text(found, shop, person):
    ids = [*HOSTILE.values(), "constructor", "__proto__"]
    found(*((each, 100, 20) for each in ids), name="<b>bold</b>")
    someone = person("op", "reviews")

    someone.page.get_by_label("이 쪽 모두 선택").check()
    someone.page.get_by_role("button", name="복원", exact=True).click()
    expect(someone.will_write).to_have_count(len(ids))
    expect(someone.will_write).to_contain_text(["20100+80"] * len(ids))
    someone.gives("{{ 7*7 }}<script>document.title=1</script>")
    someone.go.click()

    someone.sees_decision(f"복원 · {len(ids)}", f"적용 {len(ids)}")
    assert {shop.counter(each) for each in ids} == {"100"}
    someone.goes_to(product_path(HOSTILE["markup"]))
    someone.reads("{{ 7*7 }}<script>document.title=1</script>").reads("20 → 100")
    assert someone.page.locator("main img, main script, main b b").count() == 0
    assert someone.frame.title() != "1"


def test_what_agrees_by_now_is_not_asked_for(found, shop, person):
    found(("PRD-1", 100, 20))
    shop.cache.set("stock:PRD-1", 100)
    someone = person("op", product_path("PRD-1"))

    someone.page.get_by_role("button", name="복원", exact=True).click()
    someone.reads("지금은 차이가 없습니다")
    someone.gives("상관없음")

    expect(someone.go).to_be_disabled()


def test_a_decision_that_would_wait_for_a_paused_dag_is_not_made(found, api, person):
    found(("PRD-1", 100, 20))
    someone = person("op", product_path("PRD-1"))
    before = len(api.runs(REVIEW))

    api.authorized("PATCH", f"/dags/{REVIEW}", {"is_paused": True})
    someone.page.get_by_role("button", name="복원", exact=True).click()
    someone.gives("세어 봄")
    someone.go.click()

    expect(someone.page.get_by_role("alert")).to_contain_text("stock_sync_review")
    assert len(api.runs(REVIEW)) == before


def test_a_viewer_sees_no_buttons_and_airflow_refuses_what_they_would_do(found, api, shop, person):
    found(("PRD-1", 100, None))
    before = len(api.runs(REVIEW))
    someone = person("viewer")

    answers = [someone.fetches(RUNS, **asked_by_hand())]
    for path in ("", "reviews", product_path("PRD-1")):
        someone.goes_to(path)
        expect(someone.page.locator("[data-decide], #decide, input[name=pick]")).to_have_count(0)

    assert [status for status, _ in answers] == [403]
    assert (len(api.runs(REVIEW)), shop.counter("PRD-1")) == (before, None)


def test_neither_a_foreign_site_nor_somebody_without_a_token_decides(found, api, shop, person, at_work):
    found(("PRD-1", 100, 20))
    before = len(api.runs(REVIEW))
    someone = person("op")
    url = at_work.stack.airflow.url

    answers = [someone.lured_to_post(url + RUNS, asked_by_hand()["body"], how) for how in ("form", "fetch")]
    answers += [someone.lured_to_post(f"{url}/stock-sync/{path}", "{}", "form") for path in ("", "reviews")]
    stranger = someone.posts_without_a_token(url + RUNS, asked_by_hand()["body"])

    assert all(status is None or status >= 400 for status in answers), answers
    assert stranger == 401
    assert (len(api.runs(REVIEW)), shop.counter("PRD-1")) == (before, "20")


def asked_by_hand():
    """What the page's button would send."""
    conf = '{"decision": "restore", "reason": "foreign", "product_ids": ["PRD-1"], "seen": {"PRD-1": 100}}'
    body = f'{{"logical_date": null, "conf": {conf}}}'
    return {"method": "POST", "body": body, "headers": {"Content-Type": "application/json"}}
