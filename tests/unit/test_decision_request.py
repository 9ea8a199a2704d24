"""What a person may ask for: everything else is refused in words before anything is noted."""

from datetime import UTC, date, datetime, timedelta

import pytest

from stocksync.errors import RefusedRequest
from stocksync.review.decision import Decision, DecisionKind, Outcome, Result
from stocksync.review.request import asked
from tests.kit.fakes.decisions import DecidingShop

TODAY = date(2026, 3, 2)


def params(**given):
    return {"decision": "restore", "reason": "counted by hand", "product_ids": ["a"], "seen": {"a": 80}} | given


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"reason": "  a  "}, "param 'reason': '  a  ' says nothing"),
        ({"product_ids": None, "seen": None}, "'product_ids' and 'select': neither is given"),
        ({"select": "missing_keys"}, "both are given"),
        ({"product_ids": ["  "]}, "names no product"),
        ({"product_ids": [str(n) for n in range(10_001)]}, "10,001 products; allowed: 10,000"),
        ({"product_ids": ["a", "b"]}, "no difference of 1 products, for example 'b'"),
        ({"seen": {"a": 0}}, "no difference of 1 products, for example 'a'"),
        ({"seen": {"a": 80, "b": 1}}, "'b' is not in 'product_ids'"),
        ({"product_ids": ["a\x00"], "seen": {"a\x00": 1}}, "no text that PostgreSQL can hold"),
        ({"product_ids": ["a\ud800"], "seen": {"a\ud800": 1}}, "no text that PostgreSQL can hold"),
        ({"decision_id": "manual__x"}, "'decision_id' goes with decision 'undo' only"),
        ({"decision": "undo", "product_ids": None, "seen": None}, "'decision_id' is empty"),
        ({"decision": "undo", "decision_id": "x"}, "'select' and 'seen' do not go with decision 'undo'"),
        ({"sleeps_until": "2026-03-03"}, "'sleeps_until' goes with decision 'keep' only"),
        ({"decision": "keep", "sleeps_until": "tomorrow"}, "'tomorrow'; allowed: a date"),
        ({"decision": "keep", "sleeps_until": "2026-03-02"}, "is not after today"),
    ],
)
def test_what_does_not_go_together_is_refused_in_words(given, said):
    with pytest.raises(RefusedRequest) as refused:
        asked(params(**given), TODAY)
    assert said in str(refused.value)


def test_ids_are_spelled_as_the_ledger_does_and_the_difference_goes_with_them():
    request = asked(params(product_ids=["007", "8", "7"], seen={"007": 1, "8": 2, "7": 1}), TODAY)

    spelled = request.spelled({"007": "7", "7": "7"})

    assert (spelled.product_ids, spelled.seen) == (["7", "8"], {"7": 1, "8": 2})


def test_the_reason_is_one_line():
    assert asked(params(reason=" a\nb\t c "), TODAY).reason == "a b c"


# --- accepting -----------------------------------------------------------------------------------------------


def accept(world, name="manual__decision", **given):
    request = asked(params(**given), TODAY)
    decision = Decision(name, request.kind, "kim", world.clock.now(), request.reason, undoes=request.undoes)
    return world.parts().reviewer(world.log).accept(decision, request)


def test_every_open_case_without_a_key_is_chosen_by_what_was_found_of_it():
    world = DecidingShop({})
    world.log.cases = {"a": (100, False), "b": (80, True), "c": (7, False)}

    assert accept(world, product_ids=None, seen=None, select="missing_keys") == 2
    assert world.log.asked("manual__decision") == {"a": 100, "c": 7}


def test_a_retry_decides_what_the_first_attempt_noted():
    world = DecidingShop({})
    world.log.cases = {"a": (100, False)}
    accept(world, product_ids=None, seen=None, select="missing_keys")
    world.log.cases = {}

    assert accept(world, product_ids=None, seen=None, select="missing_keys") == 1


def test_without_a_case_there_is_nothing_to_select():
    with pytest.raises(RefusedRequest, match="no open case is without a key"):
        accept(DecidingShop({}), product_ids=None, seen=None, select="missing_keys")


UNDO = {"decision": "undo", "product_ids": None, "seen": None, "decision_id": "manual__before"}


def made(world, kind, hours, *applied):
    at = world.clock.now() - timedelta(hours=hours)
    world.log.record(Decision("manual__before", kind, "lee", at, "why"), dict.fromkeys("ab", 3))
    outcomes = [Outcome(i, Result.APPLIED if i in applied else Result.STALE, 1, 4) for i in "ab"]
    world.log.note("manual__before", outcomes, datetime.now(UTC))
    return world


def test_an_undo_is_about_what_the_decision_wrote():
    world = made(DecidingShop({}), DecisionKind.RESTORE, 23, "a")

    accept(world, **UNDO)

    assert list(world.log.asked("manual__decision")) == ["a"]


@pytest.mark.parametrize(
    ("world", "said"),
    [
        (DecidingShop({}), "'manual__before' is no decision"),
        (
            made(DecidingShop({}), DecisionKind.RESTORE, 25, "a"),
            "cannot be undone; allowed: a 'restore' of the last 24 hours",
        ),
        (made(DecidingShop({}), DecisionKind.KEEP, 1, "a"), "cannot be undone"),
        (made(DecidingShop({}), DecisionKind.RESTORE, 1), "has written nothing"),
    ],
)
def test_what_cannot_be_undone_is_refused_in_words(world, said):
    with pytest.raises(RefusedRequest, match=said):
        accept(world, **UNDO)
