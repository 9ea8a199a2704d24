"""The task that cuts the ledger, on a real ledger: what it refuses and what it says before anything is written."""

from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException

from local.standins.slack import Slack
from tests.kit.fakes.shop import PLAN
from tests.kit.ledger_tables import Table


@pytest.fixture
def table(database):
    return Table(database)


@pytest.fixture
def partition_products(database, cache, redis_server, monkeypatch, tmp_path):
    cache.mset({f"stock:{product_id}": 7 for product_id in ("a", "P1")})
    monkeypatch.setenv("AIRFLOW_CONN_STOCK_REDIS", redis_server.uri.replace("/0", "?db=0"))
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("AIRFLOW_CONN_PRODUCT_DB", database)
    from stocksync.entrypoints import sync_tasks  # noqa: PLC0415 - Airflow reads the environment when it is imported

    def partition_products(product_ids=None, before=()):
        events = [SimpleNamespace(extra=extra) for extra in before]
        return sync_tasks.partition_products(PLAN.to_dict(), product_ids, events)

    return partition_products


@pytest.fixture
def slack(monkeypatch):
    with Slack() as stand_in:
        monkeypatch.setenv("AIRFLOW_CONN_STOCK_SLACK", stand_in.connection)
        yield stand_in


def whole(total):
    return {"total": total, "whole_ledger": True}


def test_chosen_products_go_on_as_the_ledger_spells_them_each_once(table, partition_products):
    table.fill(["7", "8", "9"], "bigint")

    [only] = partition_products(["007", "8", " 7"])

    assert only["ids"] == ["7", "8"]


def test_chosen_products_are_cut_into_no_more_ranges_than_allowed(table, partition_products, monkeypatch):
    monkeypatch.setenv("STOCK_SYNC_MAX_MAPPED_TASKS", "3")
    ids = [f"P{n:04d}" for n in range(5000)]
    table.fill(ids)

    ranges = partition_products(ids)

    assert len(ranges) <= 3
    assert [i for r in ranges for i in r["ids"]] == ids


def test_a_product_that_is_not_there_is_refused_by_name(table, partition_products):
    table.fill(["a"])

    with pytest.raises(AirflowFailException, match="1 of them are not in the ledger: 'b'"):
        partition_products(["a", "b"])


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ([whole(1000)], "SHRUNK BY MORE THAN HALF: STOCK_SYNC_PRODUCTS_TABLE='products' has 3 products"),
        ([{"total": 1, "whole_ledger": False}, whole(1000)], "the run before saw 1,000"),
        ([whole(6)], ""),
        ([], ""),
    ],
)
def test_a_total_that_fell_by_more_than_half_is_said_loudly(table, partition_products, slack, caplog, before, said):
    table.fill(["a", "b", "c"])

    partition_products(before=before)

    ours = [record for record in caplog.records if record.name.startswith("stocksync")]
    warnings = [record.getMessage() for record in ours if record.levelname == "WARNING"]
    assert len(warnings) == bool(said)
    assert said in "".join(warnings)
    lines = [line for text in slack.texts for line in text.splitlines()[:3]]
    assert lines == (
        ["🚨 [재고 동기화] 상품 수가 절반 아래로 줄었습니다", f"- 실행: {PLAN.run_id}", "- 상품 수: 1,000개 → 3개"]
        if said
        else []
    )


def test_an_empty_ledger_that_was_not_empty_stops_the_run(table, partition_products):
    table.fill([])

    with pytest.raises(AirflowFailException, match="'products' is EMPTY, and the run before saw 12 products"):
        partition_products(before=[whole(12)])


def test_a_ledger_with_a_row_for_each_warehouse_stops_the_run(table, partition_products):
    table.sql("CREATE TABLE products (id text, place text, stock int)")
    table.sql("INSERT INTO products VALUES ('A', 'seoul', 3), ('A', 'busan', 4)")

    with pytest.raises(AirflowFailException, match=r"STOCK_SYNC_PRODUCTS_TABLE='products'.*'A'.*sum\(stock\)"):
        partition_products()


def test_a_few_products_of_several_rows_are_said_and_stop_nothing(table, partition_products, caplog):
    table.sql("CREATE TABLE products (id text, place text, stock int)")
    table.sql("INSERT INTO products SELECT 'P' || n, 'seoul', 3 FROM generate_series(1, 9) n")
    table.sql("INSERT INTO products VALUES ('P4', 'busan', 4)")

    [only] = partition_products()

    assert only["rows"] == 9
    assert "1 of 9 products have several rows, for example 'P4'" in caplog.text


def test_a_row_whose_stock_cannot_be_read_does_not_keep_the_other_ranges_from_being_cut(table, partition_products):
    table.fill(["a", "b", "c"])
    table.sql("ALTER TABLE products RENAME TO shelves")
    table.sql(
        "CREATE VIEW products AS SELECT id, CASE id WHEN 'b' THEN 1 / (stock - 7) ELSE stock END stock FROM shelves"
    )

    [only] = partition_products()

    assert only["rows"] == 3


def test_an_empty_cache_whose_products_the_run_will_name_no_loss_is_told_at_once_and_the_run_goes_on(
    table, partition_products, cache, slack, caplog, monkeypatch
):
    monkeypatch.setenv("STOCK_SYNC_MISSING_KEY_POLICY", "ignore")
    table.fill(f"P{n:04d}" for n in range(3000))
    cache.flushall()
    cache.set("session:1", "x")

    assert len(partition_products()) == 3

    assert "NO PRODUCT HAS A KEY IN REDIS: none of 1,002 that were tried" in caplog.text
    [text] = slack.texts
    assert text.splitlines()[0] == "🚨 [재고 동기화] Redis에 재고 키가 하나도 없습니다"
    assert "1,002" in text


def test_an_empty_cache_that_is_told_with_the_runs_events_is_not_told_twice(
    table, partition_products, cache, slack, caplog
):
    table.fill(f"P{n:04d}" for n in range(100))
    cache.flushall()

    partition_products()

    assert "NO PRODUCT HAS A KEY IN REDIS" in caplog.text
    assert slack.texts == []


@pytest.mark.parametrize("key", ["stock:P0000", "stock:P2000"])
def test_one_key_of_those_that_are_tried_is_enough_to_be_quiet(table, partition_products, cache, slack, key):
    table.fill(f"P{n:04d}" for n in range(3000))
    cache.flushall()
    cache.rpush(key, "a list")

    partition_products()

    assert slack.texts == []


def test_an_empty_ledger_raises_no_alarm_about_the_cache(table, partition_products, cache, slack):
    table.fill([])
    cache.flushall()

    partition_products()

    assert slack.texts == []
