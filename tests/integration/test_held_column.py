"""A shop whose table says what is on hold: counters are held against the stock less that."""

import pytest

from stocksync.errors import BadSetting
from tests.kit.retried_run import QuietShop

HOLDS = {"held_column": "held"}


@pytest.fixture
def shop(database, cache):
    shop = QuietShop(database, cache, "", "", holds=HOLDS).build()
    shop.sql("ALTER TABLE products ADD held numeric NOT NULL DEFAULT 0")
    return shop


def stock(shop, *rows):
    """Rows of id, stock, units on hold and counter."""
    shop.stock((product_id, ledger, counter) for product_id, ledger, _, counter in rows)
    for product_id, _, held, _ in rows:
        shop.sql("UPDATE products SET held = %s WHERE id = %s", held, product_id)


def test_ordinary_holds_are_no_difference_and_drift_beside_them_is_restored_to_what_is_free(shop):
    stock(shop, ("a", 100, 60, 40), ("b", 100, 60, 37), ("c", 5, 0, 5), ("d", 100, 60, 45))

    summary = shop.run()

    assert (summary["matched"], summary["restored"], summary["held_units"]) == (2, 2, 180)
    assert {i: shop.counter(i) for i in "abcd"} == {"a": "40", "b": "40", "c": "5", "d": "40"}
    assert (shop.events()["b"]["dbStock"], shop.events()["b"]["discrepancy"]) == (40, 3)


def test_the_event_tells_what_the_expected_stock_is_made_of(shop):
    stock(shop, ("a", 100, 60, 37), ("b", 100, 0, 0))

    summary = shop.run()

    headers = {copy.event["productId"]: copy.headers for copy in shop.copies()}
    assert [headers["a"][f"stock-sync-{name}"] for name in ("ledger-stock", "held")] == ["100", "60"]
    assert [headers["b"][f"stock-sync-{name}"] for name in ("ledger-stock", "held")] == ["100", "0"]
    assert [(entry["product_id"], entry["db"], entry["held"]) for entry in summary["top"]] == [
        ("b", 100, 0),
        ("a", 40, 60),
    ]


@pytest.mark.parametrize("held", [None, -1, 1.5, 101, 2**31])
def test_a_hold_that_is_no_whole_number_within_the_stock_is_invalid_and_nothing_is_written(shop, held):
    shop.sql("ALTER TABLE products ALTER held DROP NOT NULL")
    stock(shop, ("a", 100, held, 97))

    summary = shop.run()

    assert (summary["invalid"], summary["restored"], shop.counter("a")) == (1, 0, "97")
    assert summary["held_units"] == 0


def test_a_hold_that_grows_between_the_looks_leaves_the_product_alone(shop):
    stock(shop, ("a", 100, 0, 91))
    holds = iter([1, 2, 3, 4, 5, 6])

    def order(step):
        if step in {"looked again", "settled"}:
            shop.sql("UPDATE products SET held = %s", next(holds))

    summary = shop.run(reached=order)

    assert (summary["changed"], shop.counter("a")) == (1, "91")


def test_a_column_that_is_not_there_is_named(shop):
    shop.holds = {"held_column": "reserved"}

    with pytest.raises(BadSetting, match=r"STOCK_SYNC_HELD_COLUMN='reserved'.*it has held, id, stock"):
        shop.parts().ledger.check()
