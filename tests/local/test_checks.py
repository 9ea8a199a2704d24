"""The demo notices a night that did something else than it should."""

from dataclasses import replace
from datetime import datetime

import pytest

from local.demo.catalogue import Counter, Product
from local.demo.checks import check_alerts, check_cache, check_summary, check_times
from local.demo.events import Received
from local.demo.expectation import expect

PRODUCTS = [
    Product("A", "off by 2, expires", 9, Counter(b"7", 60)),
    Product("B", "off by 80", 100, Counter(b"20")),
    Product("C", "right", 5, Counter(b"5")),
]
BEFORE = {product.id: product.counter for product in PRODUCTS}
AFTER = {"A": Counter(b"9", 55), "B": Counter(b"20"), "C": Counter(b"5")}
EXPECTED = expect(PRODUCTS)


def failed(checks):
    return [check.what for check in checks if not check.passed]


def received(alert, event_id, value=b"bytes"):
    return Received(alert["productId"], value, alert | {"eventId": event_id, "detectedAt": 1})


ALL = [received(alert, alert["productId"]) for alert in EXPECTED.alerts]


def test_a_night_as_expected_passes():
    checks = [*check_summary(EXPECTED.summary, EXPECTED), *check_alerts(ALL, EXPECTED)]
    assert failed([*checks, *check_cache(BEFORE, AFTER, EXPECTED, ["sync:stock:progress:run"])]) == []


def test_a_summary_that_differs_is_told_field_by_field():
    says, adds_up = check_summary(EXPECTED.summary | {"restored": 2, "matched": 0}, EXPECTED)
    assert "restored is 2, should be 1" in says.differences
    assert "matched is 0, should be 1" in says.differences
    assert adds_up.differences == ("restored and reviewed are 3, severities give 2",)


def test_copies_of_an_event_count_once_and_must_be_equal():
    assert failed(check_alerts([*ALL, ALL[0]], EXPECTED)) == []
    assert failed(check_alerts([*ALL, replace(ALL[0], value=b"other")], EXPECTED)) == [
        "copies of an event are equal byte for byte"
    ]


@pytest.mark.parametrize("messages", [ALL[:1], [*ALL, received(EXPECTED.alerts[0], "a second event")]])
def test_a_missing_event_and_a_second_one_are_told(messages):
    assert failed(check_alerts(messages, EXPECTED)) == ["2 discrepancies, one event each"]


@pytest.mark.parametrize(
    ("change", "leftovers", "complaint"),
    [
        ({"A": Counter(b"7", 55)}, [], "1 restored counters equal the ledger"),
        ({"B": Counter(b"100")}, [], "2 other counters are as the shop left them"),
        ({"D": Counter(b"1")}, [], "2 other counters are as the shop left them"),
        ({"A": Counter(b"9")}, [], "1 expiring counters still expire"),
        ({}, ["sync:stock:2026-11-23"], "the run's lock is free and no event waits in an outbox"),
        ({}, ["sync:stock:outbox:run:0"], "the run's lock is free and no event waits in an outbox"),
    ],
)
def test_a_cache_that_differs_is_told(change, leftovers, complaint):
    assert failed(check_cache(BEFORE, AFTER | change, EXPECTED, leftovers)) == [complaint]


@pytest.mark.parametrize(("found", "ok"), [("02:00:00", True), ("02:00:09", True), ("01:59:58", False)])
def test_an_event_from_outside_the_run_is_told(found, ok):
    summary = {"started_at": "2026-11-23T02:00:00+09:00", "finished_at": "2026-11-23T02:00:09+09:00"}
    moment = datetime.fromisoformat(f"2026-11-23T{found}+09:00").timestamp() * 1000
    (message, *_) = ALL
    message = replace(message, event=message.event | {"detectedAt": int(moment)})
    assert check_times([message], summary).passed == ok
