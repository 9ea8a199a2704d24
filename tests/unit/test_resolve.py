"""Incidents are closed when their trouble is over, and only then."""

from dataclasses import replace

import pytest

from stocksync.alerting.ports import OpenIncident
from stocksync.alerting.resolver import Resolver
from stocksync.errors import BadSetting, ChannelDown, MessageRefused, NotResolved
from stocksync.model.policy import MissingKeyPolicy, Rules
from stocksync.model.stock import Unreadable
from tests.kit.fakes.delivery import FakeIncidents, FakePager
from tests.kit.summaries import SUMMARY, top_entry

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


def resolve(incident, *, ledger=None, cache=None, runs_until=LATER, summaries=(), pager=None, rules=Rules()):  # noqa: B008 - frozen
    incidents, pager = FakeIncidents(), pager or FakePager()
    incidents.add(incident)
    stores = PresentStores({"PRD-001": b"100"} if ledger is None else ledger, cache or {})
    closed = Resolver(incidents, pager, stores, rules).resolve(runs_until, summaries)
    assert closed == pager.resolved
    assert bool(incidents.open) is not bool(closed)
    return closed


def test_a_product_that_is_healthy_again_has_its_incident_closed():
    assert resolve(PRODUCT, cache={"PRD-001": b"100"}) == [PRODUCT.dedup_key]


@pytest.mark.parametrize("counter", [b"20", None, b"nonsense", Unreadable.WRONG_TYPE])
def test_a_product_that_still_differs_keeps_its_incident(counter):
    assert resolve(PRODUCT, cache={"PRD-001": counter}) == []


def test_a_missing_key_that_the_policy_ignores_is_not_health():
    rules = Rules(missing_key_policy=MissingKeyPolicy.IGNORE)
    assert resolve(PRODUCT, cache={}, rules=rules) == []
    assert resolve(MANY, summaries=[replace(HEALTHY_RUN, missing_keys=900, missing_ignored=900)]) == []


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


NAMED = OpenIncident("stock-sync/more/run:1", OPENED, counted=3, products=("PRD-1", "PRD-2", "PRD-3"))
HUNDREDS = OpenIncident("stock-sync/more/run:1", OPENED, counted=900, products=("PRD-1", "PRD-2", "PRD-3"))
LEDGER = {"PRD-1": b"100", "PRD-2": b"200", "PRD-3": b"300"}
WELL = dict(LEDGER)
RESTORED_ALL = replace(
    SUMMARY, total=900, matched=0, restored=900, manual_review=0, by_severity={**SUMMARY.by_severity, "CRITICAL": 900}
)


def test_an_incident_whose_products_are_all_known_is_closed_as_soon_as_they_are_well():
    """By whatever run, or by hand."""
    assert resolve(NAMED, ledger=LEDGER, cache=WELL) == [NAMED.dedup_key]


@pytest.mark.parametrize("counter", [b"20", None, b"nonsense", Unreadable.WRONG_TYPE])
def test_one_of_them_that_is_not_well_keeps_it_open_whatever_a_run_says(counter):
    assert resolve(NAMED, ledger=LEDGER, cache=WELL | {"PRD-3": counter}, summaries=[HEALTHY_RUN]) == []
    assert resolve(HUNDREDS, ledger=LEDGER, cache=WELL | {"PRD-3": counter}, summaries=[HEALTHY_RUN]) == []


def test_an_order_that_is_under_way_keeps_nothing_open():
    assert resolve(NAMED, ledger=LEDGER, cache=WELL | {"PRD-3": b"297"}) == [NAMED.dedup_key]


def test_the_run_that_restored_everything_closes_the_incident_at_once():
    assert resolve(HUNDREDS, ledger=LEDGER, cache=WELL, summaries=[RESTORED_ALL]) == [HUNDREDS.dedup_key]


def test_without_a_run_the_products_with_a_name_do_not_speak_for_the_others():
    assert resolve(HUNDREDS, ledger=LEDGER, cache=WELL) == []


@pytest.mark.parametrize(
    ("urgent", "listed", "closes"),
    [
        # restored by a raised limit, and a smaller one that stays for a person: the ten largest show all that is urgent
        (2, [("CRITICAL", "REDIS_RESTORED")] * 2 + [("HIGH", "MANUAL_REVIEW_REQUIRED")], True),
        (2, [("CRITICAL", "MANUAL_REVIEW_REQUIRED"), ("CRITICAL", "REDIS_RESTORED")], False),
        # more urgent ones than the ten that are listed: nobody knows
        (900, [("CRITICAL", "REDIS_RESTORED")] * 10, False),
    ],
)
def test_a_run_that_restored_some_and_left_others_closes_it_only_if_nothing_urgent_was_left(urgent, listed, closes):
    entries = [top_entry(f"PRD-{n}", 1000, 0, action) | {"severity": s} for n, (s, action) in enumerate(listed)]
    by_severity = {"LOW": 0, "MEDIUM": 0, "HIGH": 1, "CRITICAL": urgent}
    run = replace(SUMMARY, restored=urgent, manual_review=1, by_severity=by_severity, top=entries)
    assert bool(resolve(HUNDREDS, ledger=LEDGER, cache=WELL, summaries=[run])) is closes


def test_a_run_of_as_many_other_products_proves_nothing():
    others = replace(SUMMARY, total=900, matched=900, restored=0, manual_review=0)
    assert resolve(HUNDREDS, ledger=LEDGER, cache={}, summaries=[others]) == []


def test_a_later_far_worse_run_keeps_it_open():
    worse = replace(SUMMARY, manual_review=9_000, by_severity={**SUMMARY.by_severity, "CRITICAL": 9_000})
    assert resolve(HUNDREDS, ledger=LEDGER, cache={}, summaries=[HEALTHY_RUN, worse]) == []


def test_pagerduty_down_leaves_the_incident_noted_for_the_next_run():
    incidents, pager = FakeIncidents(), FakePager()
    incidents.add(PRODUCT)
    pager.refusals = [ChannelDown("503")]
    stores = PresentStores({}, {})
    with pytest.raises(ChannelDown):
        Resolver(incidents, pager, stores, Rules()).resolve(LATER, [])
    assert incidents.open


def test_one_incident_that_cannot_be_looked_at_does_not_keep_the_others_open():
    class TypedLedger(PresentStores):
        def read(self, product_ids):
            if "no-uuid" in product_ids:
                raise BadSetting("invalid input syntax for type uuid")
            return super().read(product_ids)

    incidents, pager = FakeIncidents(), FakePager()
    for incident in (OpenIncident("stock-sync/product/no-uuid", OPENED, product_id="no-uuid"), PRODUCT, NAMED):
        incidents.add(incident)
    stores = TypedLedger({"PRD-001": b"100", **LEDGER}, {"PRD-001": b"100", **WELL})
    pager.refusals = [MessageRefused("400")]
    with pytest.raises(NotResolved, match=r"no-uuid: invalid input.*PRD-001: 400"):
        Resolver(incidents, pager, stores, Rules()).resolve(LATER, [])
    assert pager.resolved == [NAMED.dedup_key]
    assert set(incidents.open) == {"stock-sync/product/no-uuid", PRODUCT.dedup_key}
