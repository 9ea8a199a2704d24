"""What the demo expects, on cases small enough to work out in one's head."""

import pytest

from local.demo.catalogue import Counter, DemoCatalogue, Product
from local.demo.expectation import expect


def product(stock, cached, name="PRD-1", ttl=None):
    return Product(name, "a mug", stock, None if cached is None else Counter(cached, ttl))


@pytest.mark.parametrize(
    ("stock", "cached", "severity", "action"),
    [
        (100, b"95", "LOW", "REDIS_RESTORED"),
        (95, b"100", "LOW", "REDIS_RESTORED"),
        (100, b"94", "MEDIUM", "REDIS_RESTORED"),
        (100, b"90", "MEDIUM", "REDIS_RESTORED"),
        (100, b"89", "HIGH", "MANUAL_REVIEW_REQUIRED"),
        (100, b"50", "HIGH", "MANUAL_REVIEW_REQUIRED"),
        (100, b"49", "CRITICAL", "MANUAL_REVIEW_REQUIRED"),
        (100, b"20", "CRITICAL", "MANUAL_REVIEW_REQUIRED"),
        (3, None, "LOW", "REDIS_RESTORED"),
        (4, b"-3", "MEDIUM", "REDIS_RESTORED"),
    ],
)
def test_one_difference_is_one_event(stock, cached, severity, action):
    (alert,) = expect([product(stock, cached)]).alerts
    assert (alert["severity"], alert["action"], alert["dbStock"]) == (severity, action, stock)
    assert alert["discrepancy"] == stock - int(cached or 0)


@pytest.mark.parametrize("junk", [b"5.5", b"1e3", b" 7 ", b"", "٣".encode(), b"-0", b"007", b"2147483648", (b"1",)])
def test_what_is_no_number_is_invalid_and_stays(junk):
    expected = expect([product(5, junk)])
    assert expected.summary["invalid"] == 1
    assert expected.alerts == []
    assert expected.cache["PRD-1"].value == junk


def test_only_small_differences_are_restored_and_a_ttl_stays():
    expected = expect([product(9, b"7", "A", ttl=60), product(100, b"20", "B"), product(6, None, "C")])
    assert expected.cache == {"A": Counter(b"9", 60), "B": Counter(b"20"), "C": Counter(b"6")}


def test_a_missing_key_of_a_sold_out_product_matches_and_counts_as_missing():
    expected = expect([product(0, None)])
    assert (expected.summary["matched"], expected.summary["missing_keys"]) == (1, 1)
    assert expected.cache == {"PRD-1": None}


def test_the_original_s_two_scenarios_are_in_the_catalogue():
    catalogue = DemoCatalogue.from_seed()
    first = catalogue.products[0]
    assert (first.stock, first.counter.value) == (100, b"20")
    lost = [each for each in catalogue.products if "scenario 1" in each.story]
    assert len(lost) == 100
    assert {abs(each.stock - int(each.counter.value)) for each in lost} == {1, 2, 3, 4, 5}


def test_the_catalogue_covers_every_boundary_on_both_sides():
    alerts = expect(DemoCatalogue.from_seed().products).alerts
    assert {alert["discrepancy"] for alert in alerts} >= {1, 5, 6, 10, 11, 50, 51, -1, -5, -6, -10, -11, -50, -51}


@pytest.mark.parametrize("size", [0, 1, 9, 10, 999, 1000, 1001])
def test_a_catalogue_of_any_size_adds_up(size):
    summary = expect(DemoCatalogue.from_seed(size).products).summary
    parts = ("matched", "restored", "manual_review", "changed", "invalid", "unprocessed")
    assert summary["total"] == size == sum(summary[part] for part in parts)


def test_the_same_seed_gives_the_same_catalogue():
    assert DemoCatalogue.from_seed(500, 7) == DemoCatalogue.from_seed(500, 7) != DemoCatalogue.from_seed(500, 8)
