"""What is refused or said before a run writes anything."""

import pytest

from stocksync.errors import BadSetting, RefusedRequest
from stocksync.reconcile.preconditions import (
    chosen_products,
    last_total,
    warn_of_missing_products,
    warn_of_several_rows,
)

TABLE = "STOCK_SYNC_PRODUCTS_TABLE='products'"


def test_chosen_products_go_on_as_the_ledger_spells_them_each_once():
    assert chosen_products(["007", "7", "B", "007"], {"007": "7", "7": "7", "B": "b"}) == ["7", "b"]


def test_chosen_products_that_the_ledger_does_not_have_are_refused_by_name():
    with pytest.raises(
        RefusedRequest, match=r"param 'product_ids': 2 of them are not in the ledger: 'X', 'Y'"
    ) as refused:
        chosen_products(["Y", "a", "X", "Y"], {"a": "a"})
    assert "'a'" not in str(refused.value)


def test_of_many_strangers_ten_are_named_and_none_can_forge_a_line_of_the_log():
    with pytest.raises(RefusedRequest, match=r"1000 of them") as refused:
        chosen_products([f"{n:03d}\n" for n in range(1000)], {})
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 300


def test_products_with_several_rows_are_told_with_the_setting_an_example_and_the_remedy():
    said = warn_of_several_rows(TABLE, 3, "A", 1000)

    assert said.startswith("STOCK_SYNC_PRODUCTS_TABLE='products': 3 of 1,000 products have several rows")
    assert "'A'" in said
    assert "sum(stock)" in said
    assert "GROUP BY id" in said
    assert "invalid" in said
    assert warn_of_several_rows(TABLE, 0, "", 1000) == ""


@pytest.mark.parametrize(("several", "products"), [(1, 1), (2, 3), (501, 1000)])
def test_a_table_in_which_most_products_have_several_rows_is_refused(several, products):
    with pytest.raises(BadSetting, match=r"PRODUCTS_TABLE='products'.*'A'.*sum\(stock\).*[Nn]othing was compared"):
        warn_of_several_rows(TABLE, several, "A", products)
    assert warn_of_several_rows(TABLE, products // 2, "A", products) or products == 1


def test_an_empty_ledger_is_refused_if_it_was_not_empty_before():
    with pytest.raises(BadSetting, match=r"'products' is EMPTY, and the run before saw 12 products"):
        warn_of_missing_products(TABLE, 0, 12)
    assert "EMPTY" in warn_of_missing_products(TABLE, 0, 0)


@pytest.mark.parametrize(("products", "before", "said"), [(3, 1000, True), (499, 1000, True), (500, 1000, False)])
def test_a_total_that_fell_by_more_than_half_is_said_loudly(products, before, said):
    warning = warn_of_missing_products(TABLE, products, before)

    assert ("SHRUNK BY MORE THAN HALF" in warning) is said
    assert (f"{products:,} products, the run before saw {before:,}" in warning) is said
    assert ("row level security" in warning) is said


@pytest.mark.parametrize(("products", "before"), [(5, 0), (10, 3), (7, 7)])
def test_a_first_run_and_a_ledger_that_grew_are_nothing_to_speak_of(products, before):
    assert warn_of_missing_products(TABLE, products, before) == ""


def test_the_run_before_is_the_latest_over_the_whole_ledger():
    chosen = {"total": 1, "whole_ledger": False}

    assert last_total([chosen, {"total": 1000, "whole_ledger": True}, {"total": 5, "whole_ledger": True}]) == 1000
    assert last_total([{"total": 40}]) == 40
    assert last_total([chosen]) == last_total([]) == 0
