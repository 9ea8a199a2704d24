"""What a person may ask a run for."""

import pytest

from stocksync.errors import RefusedRequest
from stocksync.model.request import asked_products, refuse_limit


def test_nothing_at_all_means_every_product():
    assert asked_products(None) is None


@pytest.mark.parametrize("product_ids", [[], [""], ["  ", "\t", ""]])
def test_a_list_that_names_no_product_is_refused_and_never_means_all_of_them(product_ids):
    with pytest.raises(RefusedRequest, match=r"'product_ids'.*names no product; allowed: at least one.*null"):
        asked_products(product_ids)


def test_blank_lines_are_dropped_and_a_product_named_twice_is_one():
    assert asked_products(["P-1", "", "P-2", "P-1", "  "]) == ["P-1", "P-2"]


def test_an_id_keeps_its_own_blanks():
    assert asked_products([" P 1"]) == [" P 1"]


@pytest.mark.parametrize(("limit", "products"), [(0, None), (10, None), (10, ["P-1"]), (5000, ["P-1"])])
def test_a_limit_up_to_the_setting_is_allowed_and_a_larger_one_for_named_products(limit, products):
    refuse_limit(limit, 10, products)


def test_a_larger_limit_over_all_products_is_refused_with_what_is_allowed():
    with pytest.raises(RefusedRequest) as refused:
        refuse_limit(80, 10, None)

    for part in ("'auto_restore_limit': 80", "STOCK_SYNC_AUTO_RESTORE_LIMIT=10", "allowed: 0 to 10", "'product_ids'"):
        assert part in str(refused.value)


@pytest.mark.parametrize("products", [None, ["P-1"]])
def test_a_limit_below_0_is_refused_and_not_taken_for_0(products):
    with pytest.raises(RefusedRequest, match=r"-5 is below 0; allowed: 0 to"):
        refuse_limit(-5, 10, products)
