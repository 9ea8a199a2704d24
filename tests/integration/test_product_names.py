"""A column of the ledger that says what a product is called, on a real ledger and a real cache."""

import pytest

from stocksync.errors import BadSetting
from tests.kit.retried_run import QuietShop

NAME = "stock-sync-product-name"


@pytest.fixture
def shop(database, cache):
    shop = QuietShop(database, cache, "", "", holds={"name_column": "title"}).build()
    shop.sql("ALTER TABLE products ADD title text")
    shop.stock([("a", 100, 97), ("b", 100, 20), ("c", 100, 100)])
    return shop


def test_a_name_travels_with_the_event_and_stands_in_the_summary(shop):
    shop.sql("UPDATE products SET title = %s WHERE id = 'a'", "딸기 | \n<!channel>")

    summary = shop.run()

    headers = {copy.event["productId"]: copy.headers for copy in shop.copies()}
    assert headers["a"][NAME] == "딸기 | \n<!channel>"
    assert NAME not in headers["b"]  # it has none
    assert {entry["product_id"]: entry.get("name") for entry in summary["top"]} == {
        "a": "딸기 | \n<!channel>",
        "b": None,
    }


def test_a_name_is_cut_before_it_becomes_larger_than_a_header_should_be(shop):
    shop.sql("UPDATE products SET title = %s WHERE id = 'a'", "가" * 5000)

    shop.run()

    [header] = [copy.headers[NAME] for copy in shop.copies() if NAME in copy.headers]
    assert header == "가" * 200


def test_products_of_several_rows_are_still_told_apart(shop):
    shop.sql("CREATE TABLE shelves (id text, stock int, title text)")
    shop.sql("INSERT INTO shelves VALUES ('a', 100, 'x'), ('a', 3, 'y'), ('b', 100, 'z'), ('c', 100, NULL)")
    shop.sql("DROP TABLE products")
    shop.sql("ALTER TABLE shelves RENAME TO products")

    summary = shop.run()

    assert (summary["invalid"], summary["manual_review"], summary["matched"]) == (1, 1, 1)


def test_a_column_that_is_not_there_is_named_with_those_that_are(shop):
    shop.sql("ALTER TABLE products RENAME title TO label")
    with pytest.raises(BadSetting, match=r"STOCK_SYNC_NAME_COLUMN='title'.* it has id, label, stock"):
        shop.parts().ledger.check()


def test_a_missing_key_is_told_in_a_header(shop):
    del shop.cache["stock:b"]
    shop.run()
    missing = {copy.event["productId"]: copy.headers.get("stock-sync-key-missing") for copy in shop.copies()}
    assert missing == {"a": None, "b": "true"}
