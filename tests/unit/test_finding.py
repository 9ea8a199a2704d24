"""An event's identity and words."""

import json
import uuid
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stocksync.adapters.event_codec import EventEncoder
from stocksync.model.finding import Finding, RunIdentity, event_id, reason_for
from stocksync.model.policy import Action, Difference, MissingKeyPolicy, Rules, judge
from tests.kit.fakes.stores import CODEC
from tests.kit.findings import finding

RESTORED = judge(b"100", b"97", Rules())
REVIEW = judge(b"100", b"7", Rules())
FINDING = Finding("P-1", RESTORED, "because", 1_772_384_400_000, str(uuid.uuid4()))


def test_an_event_has_the_same_id_whoever_names_it():
    assert event_id("run", 0, "P-1", RESTORED) == event_id("run", 0, "P-1", RESTORED._replace())
    assert uuid.UUID(event_id("run", 0, "P-1", RESTORED)).version == 5


@given(st.text(), st.integers(0, 9), st.text(), st.integers(0, 2**31 - 1), st.integers(1, 2**31 - 1))
def test_the_id_of_an_event_is_the_uuid_5_of_what_happened(run_id, pass_number, product_id, ledger, off):
    difference = judge(b"%d" % ledger, b"%d" % max(0, ledger - off), Rules(auto_restore_limit=10))
    assume(isinstance(difference, Difference))
    moment = pass_number if difference.action is Action.REDIS_RESTORED else 0
    what = [run_id, moment, product_id, difference.db_stock, difference.redis_stock, difference.action]

    assert event_id(run_id, pass_number, product_id, difference) == str(
        uuid.uuid5(uuid.uuid5(uuid.NAMESPACE_DNS, "stock.sync.alert"), "\x1f".join(map(str, what)))
    )


def test_the_id_of_an_event_never_changes_between_releases():
    assert event_id("scheduled__2026-03-01", 0, "PRD-00001", RESTORED) == "ba4307a8-66d2-5367-82cf-90c4dfc6b088"


@pytest.mark.parametrize(
    "other",
    [
        event_id("run2", 0, "P-1", RESTORED),
        event_id("run", 0, "P-2", RESTORED),
        event_id("run", 0, "P-1", judge(b"101", b"98", Rules())),
        event_id("run", 0, "P-1", judge(b"100", b"98", Rules())),
        event_id("run", 0, "P-1", judge(b"100", b"97", Rules(auto_restore_limit=0))),
        event_id("run", 1, "P-1", RESTORED),
        event_id("run0", 0, "P-1", RESTORED),
        event_id("run", 0, "0\x1fP-1", RESTORED),
    ],
)
def test_what_differs_in_anything_is_another_event(other):
    assert other != event_id("run", 0, "P-1", RESTORED)


def test_a_difference_left_to_a_person_is_one_event_however_often_the_run_is_cleared():
    assert event_id("run", 0, "P-1", REVIEW) == event_id("run", 3, "P-1", REVIEW)


@pytest.mark.parametrize("product_id", ["P-1", "", "é", "a\nb", "🎈", "k" * 1000, '"\\'])
def test_a_finding_survives_json(product_id):
    found = finding(product_id)

    assert Finding.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_headers_tell_the_run_and_the_reason():
    run = RunIdentity("manual__1", "manual", "2026-03-02")

    assert EventEncoder(CODEC).headers(FINDING, run) == [
        ("stock-sync-run-id", b"manual__1"),
        ("stock-sync-run-type", b"manual"),
        ("stock-sync-run-date", b"2026-03-02"),
        ("stock-sync-reason", b"because"),
    ]


def test_a_finding_that_version_0_1_0_left_in_an_outbox_is_read():
    recorded = FINDING.to_dict()
    del recorded["reason"]

    assert Finding.from_dict(recorded) == replace(FINDING, reason="")


@pytest.mark.parametrize(
    ("ledger", "cache", "policy", "words"),
    [
        (b"100", b"97", "zero", "redis 97: difference 3 is within the limit 10"),
        (b"97", b"100", "zero", "redis 100: difference 3 is within the limit 10"),
        (b"100", b"7", "zero", "redis 7: difference 93 is over the limit 10"),
        (b"3", None, "zero", "key missing: difference 3 is within the limit 10"),
        (b"30", None, "zero", "key missing: difference 30 is over the limit 10"),
        (b"30", None, "restore", "key missing: missing keys are restored by policy"),
    ],
)
def test_the_reason_says_what_the_rules_saw(ledger, cache, policy, words):
    found: Difference = judge(ledger, cache, Rules(missing_key_policy=MissingKeyPolicy(policy)))

    assert reason_for(found, 10) == words
