"""A real scheduler: sync, then alerts, then the report; each test begins where the one before it ended."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event
from zoneinfo import ZoneInfo

import pytest

from local.standins.stand_in import Refusal

pytestmark = pytest.mark.timeout(900)

# Where it is about noon now: the tests speak of today, and neither midnight nor 02:00 nor 09:00 falls into them.
MIDDAY = ZoneInfo(f"Etc/GMT{datetime.now(UTC).hour - 12:+d}")
ALERTS, REPORT, SYNC = "stock_sync_alerts", "stock_sync_daily_report", "stock_sync"
ENDED = {"success", "failed"}


class AlertingStack:
    """Everything, and the ways to use it."""

    def __init__(self, stack, shop):
        self.airflow, self.shop = stack.airflow, shop
        self.slack, self.pagerduty = stack.slack, stack.pagerduty

    def stock(self, product_id, db, cache):
        self.shop.sql(
            "INSERT INTO products VALUES (%s, %s) ON CONFLICT (id) DO UPDATE SET stock = excluded.stock", product_id, db
        )
        self.shop.cache.set(f"stock:{product_id}", cache)

    def run(self, dag, conf=None, *, state="success"):
        run_id = self.airflow.api.trigger(dag, conf)
        self.wait_for(dag, run_id, state)
        return run_id

    def wait_for(self, dag, run_id, state="success"):
        self.airflow.wait_until(
            lambda: self.airflow.api.run(dag, run_id)["state"] in ENDED, f"finish {dag} {run_id}", 240
        )
        assert self.airflow.api.run(dag, run_id)["state"] == state, self.airflow.api.tasks(dag, run_id)

    def wait_until_alerts_rest(self):
        """Wait until every pass that was asked for is over and no asset event waits for one."""
        self.airflow.wait_until(self._alerts_rest, "finish the alerts", 240)

    def _alerts_rest(self):
        return all(run["state"] in ENDED for run in self.airflow.api.runs(ALERTS)) and not self._asked_for()

    def _asked_for(self):
        return self.airflow.api.get(f"/dags/{ALERTS}/assets/queuedEvents")["queued_events"] if self._queued() else []

    def _queued(self):
        try:
            self.airflow.api.get(f"/dags/{ALERTS}/assets/queuedEvents")
        except OSError:  # 404: none
            return False
        return True

    def report(self, conf=None):
        before = len(self.slack.texts)
        run_id = self.run(REPORT, conf)
        text = self.airflow.api.result(REPORT, run_id, "write")
        assert [said for said in self.slack.texts[before:] if "리포트" in said] == [text]
        return text

    def titles(self, since):
        return [text.splitlines()[0] for text in self.slack.texts[since:]]

    def backfill(self, dag, first, last):
        days = first.isoformat(), last.isoformat()
        path = f"/backfills/{self.airflow.api.backfill(dag, *days, again='completed', at_once=1)}"
        self.airflow.wait_until(lambda: self.airflow.api.get(path)["completed_at"] is not None, "backfill", 240)
        return [run for run in self.airflow.api.runs(dag) if run["run_type"] == "backfill"]


@pytest.fixture(scope="module")
def office(a_place):
    with a_place("people") as place:
        stack, shop = place.stack, place.shop
        shop.rebuild().stock([(f"PRD-{number:03}", 100, 100) for number in range(200)])
        settings = {"STOCK_SYNC_SETTLE_SECONDS": "0.1", "STOCK_SYNC_TIMEZONE": MIDDAY.key}
        airflow = stack.airflow = stack.start_airflow(settings=settings, without=["triggerer"])
        made = AlertingStack(stack, shop)
        for dag in (SYNC, ALERTS, REPORT):
            airflow.wait_until(lambda dag=dag: airflow.api.dag_exists(dag), f"read {dag}", 120)
            airflow.api.unpause(dag)  # which starts its latest run
        for dag in (SYNC, REPORT):
            airflow.wait_until(lambda dag=dag: bool(airflow.api.runs(dag)), f"start {dag}", 120)
            made.wait_for(dag, airflow.api.runs(dag)[0]["dag_run_id"])
        made.wait_until_alerts_rest()
        yield made


def today():
    return datetime.now(MIDDAY).date()


def test_a_healthy_night_told_nobody_anything(office):
    assert [title for title in office.titles(0) if "리포트" not in title] == []
    assert office.pagerduty.events == []


def test_a_day_without_a_run_is_reported_as_such(office):
    text = office.report({"date": "2024-03-01"})
    assert "❌ 실행 없음(NO RUN)" in text
    assert "지난 날짜의 리포트입니다" in text


def test_after_a_sync_people_are_told_and_called(office):
    for number in range(100):
        office.stock(f"PRD-{number:03}", 100, 100 - number % 5 - 1)
    office.stock("PRD-199", 100, 20)
    since = len(office.slack.texts)
    office.run(SYNC)
    office.wait_until_alerts_rest()
    assert office.titles(since) == ["🚨 [긴급] 재고 심각한 불일치 발견", "[재고 동기화] 자동 복원 완료"]
    assert "- 복원 완료: 100건" in office.slack.texts[-1]
    assert [event["event_action"] for event in office.pagerduty.events] == ["trigger"]
    assert office.pagerduty.open_incidents == ["stock-sync/product/PRD-199"]


def test_the_report_tells_the_day_with_every_run(office):
    text = office.report()
    assert text.startswith(f"=== 재고 동기화 일일 리포트 ===\n날짜: {today()}\n")
    assert "자동 복원 100건" in text or "- 자동 복원: 100건" in text  # a further run's line, or the headline


def test_slack_down_makes_the_alerts_red_and_nothing_is_lost(office):
    office.stock("PRD-001", 100, 97)
    office.stock("PRD-198", 100, 0)
    office.slack.refuse(Refusal(403))
    since = len(office.slack.texts)
    office.run(SYNC)
    office.wait_until_alerts_rest()
    assert "failed" in {run["state"] for run in office.airflow.api.runs(ALERTS)}
    assert "stock-sync/product/PRD-198" in office.pagerduty.open_incidents
    office.slack.recover()
    events = len(office.pagerduty.events)
    office.run(ALERTS)
    office.wait_until_alerts_rest()
    assert office.titles(since).count("[재고 동기화] 자동 복원 완료") == 1
    assert len(office.pagerduty.events) == events


def test_a_later_run_that_finds_the_products_healthy_closes_their_incidents(office):
    office.stock("PRD-199", 100, 100)
    office.stock("PRD-198", 100, 100)
    since = len(office.slack.texts)
    office.run(SYNC)
    office.wait_until_alerts_rest()
    assert office.pagerduty.open_incidents == []
    # That the pass before was red while Slack was down may be told at any time: Airflow's callbacks run on their own.
    told = [text for text in office.slack.texts[since:] if "- DAG: stock_sync_alerts" not in text]
    assert told == []


def test_a_failed_run_is_at_the_top_of_the_report(office):
    since = len(office.slack.texts)
    office.shop.sql("ALTER TABLE products RENAME COLUMN stock TO amount")
    run_id = office.run(SYNC, state="failed")
    office.shop.sql("ALTER TABLE products RENAME COLUMN amount TO stock")
    office.airflow.wait_until(lambda: len(office.slack.texts) > since, "tell of the red run", 120)
    [text] = office.slack.texts[since:]
    assert text.splitlines()[:3] == ["❌ [재고 동기화] 실행 실패", "- DAG: stock_sync", f"- 실행: {run_id}"]
    assert "STOCK_SYNC_STOCK_COLUMN='stock'" in text.splitlines()[3]
    assert text.endswith("@backend-team")
    assert f"❌ 실행 실패(FAILED): {run_id}" in office.report().split("📊")[0]


def test_a_refused_request_is_told_in_words_calls_nobody_and_is_not_in_the_report(office):
    since = len(office.slack.texts)
    run_id = office.run(SYNC, {"product_ids": ["nobody-knows-it"]}, state="failed")
    office.airflow.wait_until(lambda: len(office.slack.texts) > since, "tell of the request", 120)
    [text] = office.slack.texts[since:]
    assert text.splitlines()[0].startswith("⛔ [재고 동기화] 요청 거절")
    assert "'nobody-knows-it'" in text
    assert "task_failure" not in text
    assert "@backend-team" not in text
    assert run_id not in office.report()


@contextmanager
def written_all_the_time(cache, product_ids):
    """A shop that never rests: each of these counters is written every few milliseconds, to what it is."""
    over = Event()

    def write():
        while not over.wait(0.01):
            pipeline = cache.pipeline(transaction=False)
            for product_id in product_ids:
                pipeline.incrby(f"stock:{product_id}", 0)
            pipeline.execute()

    with ThreadPoolExecutor() as pool:
        writing = pool.submit(write)
        try:
            yield
        finally:
            over.set()
        writing.result()


def test_a_run_in_which_much_kept_changing_is_red_and_says_nowhere_that_all_is_restored(office):
    busy = [f"PRD-{number:03}" for number in range(3, 123)]
    for product_id in busy:
        office.stock(product_id, 100, 97)
    office.stock("PRD-150", 100, 99)
    since = len(office.slack.texts)

    with written_all_the_time(office.shop.cache, busy):
        run_id = office.run(SYNC, state="failed")
    office.wait_until_alerts_rest()

    [digest] = [text for text in office.slack.texts[since:] if "자동 복원" in text]
    assert digest.splitlines()[0] == "[재고 동기화] 자동 복원 부분 완료"
    assert digest.splitlines()[-1] == "- 복원하지 않음: 120건 (계속 변동 중이며, 값이 틀릴 수 있습니다)"
    assert f"⚠️ 부분 실행(PARTIAL): {run_id} - 상품 120개가 계속 변동 중" in office.report().split("📊")[0]

    office.run(SYNC)  # the shop has come to rest
    assert {office.shop.counter(product_id) for product_id in busy} == {"100"}
    office.wait_until_alerts_rest()


def test_two_past_days_are_backfilled_and_reported_and_nobody_is_alerted(office):
    last = today() - timedelta(days=3)
    days = [last - timedelta(days=1), last]
    office.stock("PRD-002", 100, 20)
    since, events = len(office.slack.texts), len(office.pagerduty.events)
    at = [datetime(day.year, day.month, day.day, 2, tzinfo=MIDDAY) for day in days]
    assert [run["state"] for run in office.backfill(SYNC, *at)] == ["success", "success"]
    office.wait_until_alerts_rest()
    assert (office.titles(since), len(office.pagerduty.events)) == ([], events)
    at = [moment.replace(hour=9) for moment in at]
    runs = office.backfill(REPORT, *at)
    texts = [office.airflow.api.result(REPORT, run["dag_run_id"], "write") for run in runs]
    assert sorted(texts) == sorted(office.slack.texts[since:])
    for day, text in zip(days, sorted(texts), strict=True):
        assert f"날짜: {day}" in text
        assert "지난 날짜의 리포트입니다" in text
        assert "모의 실행(DRY RUN)" in text
        assert "1. PRD-002: 차이 80개 (수동 검토 필요)" in text


def test_a_redis_that_lost_ten_thousand_counters_is_one_urgent_message_one_incident_and_the_top_of_the_report(office):
    office.shop.sql("TRUNCATE products")
    office.shop.sql("INSERT INTO products SELECT 'PRD-' || n, n %% 90 + 1 FROM generate_series(1, %s) AS n", 10_000)
    office.shop.cache.flushdb()
    since, events = len(office.slack.texts), len(office.pagerduty.events)

    run_id = office.run(SYNC, {"batch_size": 10_000}, state="failed")
    office.wait_until_alerts_rest()

    [message] = office.slack.texts[since:]
    assert message.splitlines()[0] == "🚨 [긴급] Redis 카운터 10,000개 유실"
    assert "select는 missing_keys" in message
    assert message.endswith("@backend-team")
    [incident] = office.pagerduty.events[events:]
    assert (incident["event_action"], incident["dedup_key"]) == ("trigger", "stock-sync/bulk/lost")
    assert f"🚨 카운터 유실(MASS LOSS): {run_id} - Redis 카운터 10,000개" in office.report().split("📊")[0]
