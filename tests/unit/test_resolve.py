"""Incidents are closed when their trouble is over, and only then."""

from dataclasses import replace

import pytest

from stocksync.alerting.ports import OpenIncident
from stocksync.alerting.resolver import Resolver
from stocksync.errors import ChannelDown
from stocksync.model.policy import Rules
from stocksync.model.stock import Unreadable
from tests.kit.fakes.delivery import FakeIncidents, FakePager
from tests.kit.summaries import SUMMARY

OPENED = 1_705_250_000.0  # before SUMMARY's run
LATER = OPENED + 3600
PRODUCT = OpenIncident("stock-sync/product/PRD-001", OPENED, product_id="PRD-001")
MANY = OpenIncident("stock-sync/more/run:1", OPENED, counted=900)
HEALTHY_RUN = SUMMARY


class PresentStores:
    """Both stores as the port gives them: the ledger's products, each with its counter."""

    def __init__(self, ledger, cache):
        self._ledger, self._cache = ledger, cache

    def read(self, product_ids):
        return {i: (self._ledger[i], self._cache.get(i)) for i in product_ids if i in self._ledger}


def resolve(incident, *, ledger=None, cache=None, runs_until=LATER, summaries=(), pager=None):
    incidents, pager = FakeIncidents(), pager or FakePager()
    incidents.add(incident)
    stores = PresentStores({"PRD-001": b"100"} if ledger is None else ledger, cache or {})
    closed = Resolver(incidents, pager, stores, Rules()).resolve(runs_until, summaries)
    assert closed == pager.resolved
    assert bool(incidents.open) is not bool(closed)
    return closed


def test_a_product_that_is_healthy_again_has_its_incident_closed():
    assert resolve(PRODUCT, cache={"PRD-001": b"100"}) == [PRODUCT.dedup_key]


@pytest.mark.parametrize("counter", [b"20", None, b"nonsense", Unreadable.WRONG_TYPE])
def test_a_product_that_still_differs_keeps_its_incident(counter):
    assert resolve(PRODUCT, cache={"PRD-001": counter}) == []


def test_a_product_that_is_gone_is_no_trouble_any_more():
    assert resolve(PRODUCT, ledger={}) == [PRODUCT.dedup_key]


def test_without_a_later_run_nothing_is_closed():
    assert resolve(PRODUCT, cache={"PRD-001": b"100"}, runs_until=OPENED) == []


def test_the_incident_of_a_run_is_closed_by_a_complete_run_without_urgent_findings():
    assert resolve(MANY, summaries=[HEALTHY_RUN]) == [MANY.dedup_key]


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "partial"},
        {"dry_run": True},
        {"by_severity": {"LOW": 0, "MEDIUM": 0, "HIGH": 0, "CRITICAL": 1}},
        {"total": 899},
        {"started_at": "2024-01-14T02:00:00+09:00"},
    ],
)
def test_any_other_run_does_not_close_it(changes):
    assert resolve(MANY, summaries=[replace(HEALTHY_RUN, **changes)]) == []


def test_pagerduty_down_leaves_the_incident_noted_for_the_next_run():
    incidents, pager = FakeIncidents(), FakePager()
    incidents.add(PRODUCT)
    pager.refusals = [ChannelDown("503")]
    stores = PresentStores({}, {})
    with pytest.raises(ChannelDown):
        Resolver(incidents, pager, stores, Rules()).resolve(LATER, [])
    assert incidents.open
