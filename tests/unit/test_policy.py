"""What differs, how much, and what is done about it."""

import pytest

from stocksync.model.policy import Action, Difference, MissingKeyPolicy, Rules, Severity, Verdict, judge, severity_of
from stocksync.model.stock import Unreadable, parse_stock

MAX = 2**31 - 1


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (b"0", 0), (b"1", 1), (b"-1", -1), (b"10", 10), (b"2147483647", MAX), (b"-2147483648", -MAX - 1),
        (b"2147483648", None), (b"-2147483649", None), (b"9007199254740993", None), (b"9" * 5000, None),
        (b"", None), (b"-", None), (b"-0", None), (b"+1", None), (b"007", None), (b"00", None), (b"-01", None),
        (b"5.5", None), (b"5.0", None), (b"1e3", None), (b"0x10", None), (b"1_000", None), (b"1,000", None),
        (b" 7", None), (b"7 ", None), (b"7\n", None), (b"\t7", None), (b"7\x00", None), ("٣".encode(), None),
        ("\u22125".encode(), None), (b"nan", None), (b"inf", None), (b"None", None), (b"\xff\xfe", None),
    ],
)  # fmt: skip
def test_only_what_incr_and_decr_leave_behind_is_a_stock_number(text, number):
    assert parse_stock(text) == number


@pytest.mark.parametrize(
    ("size", "severity"),
    [(1, "LOW"), (5, "LOW"), (6, "MEDIUM"), (10, "MEDIUM"), (11, "HIGH"), (50, "HIGH"), (51, "CRITICAL"),
     (MAX, "CRITICAL")],
)  # fmt: skip
def test_severity_goes_by_the_size_whichever_side_has_more(size, severity):
    assert severity_of(size) is severity_of(-size) is Severity(severity)


@pytest.mark.parametrize(("gap", "restored"), [(1, True), (10, True), (11, False), (50, False), (51, False)])
@pytest.mark.parametrize("sign", [1, -1])
def test_ten_or_less_is_restored_and_more_goes_to_a_person(gap, sign, restored):
    found = judge(b"1000", str(1000 - sign * gap).encode(), Rules())

    assert found.discrepancy == sign * gap
    assert found.action is (Action.REDIS_RESTORED if restored else Action.MANUAL_REVIEW_REQUIRED)


@pytest.mark.parametrize(
    ("limit", "gap", "restored"), [(0, 1, False), (50, 50, True), (50, 51, False), (MAX, MAX, True)]
)
def test_the_limit_is_a_setting_and_the_severity_is_not(limit, gap, restored):
    found = judge(str(gap).encode(), b"0", Rules(auto_restore_limit=limit))

    assert found.action is (Action.REDIS_RESTORED if restored else Action.MANUAL_REVIEW_REQUIRED)
    assert found.severity is severity_of(gap)


def test_equal_numbers_match():
    assert judge(b"7", b"7", Rules()) is Verdict.MATCHED


@pytest.mark.parametrize(
    ("ledger", "cache"),
    [
        (Unreadable.NO_STOCK, b"1"),
        (Unreadable.NO_STOCK, None),
        (Unreadable.NO_STOCK, Unreadable.WRONG_TYPE),
        (b"1", Unreadable.WRONG_TYPE),
        (b"0", Unreadable.WRONG_TYPE),
        (b"1", b"5.5"),
        (b"0", b""),
    ],
)
@pytest.mark.parametrize("policy", MissingKeyPolicy)
def test_a_value_that_is_no_stock_number_is_invalid_under_every_policy(ledger, cache, policy):
    assert judge(ledger, cache, Rules(missing_key_policy=policy)) is Verdict.INVALID


def test_a_difference_too_large_for_the_event_is_invalid_and_the_largest_that_fits_is_not():
    assert judge(str(MAX).encode(), b"-1", Rules()) is Verdict.INVALID
    assert judge(str(MAX).encode(), b"0", Rules()).discrepancy == MAX


@pytest.mark.parametrize(
    ("policy", "stock", "expected"),
    [
        ("zero", b"0", Verdict.MATCHED),
        ("zero", b"10", Action.REDIS_RESTORED),
        ("zero", b"11", Action.MANUAL_REVIEW_REQUIRED),
        ("restore", b"0", Verdict.MATCHED),
        ("restore", b"10", Action.REDIS_RESTORED),
        ("restore", b"5000", Action.REDIS_RESTORED),
        ("ignore", b"0", Verdict.IGNORED),
        ("ignore", b"5000", Verdict.IGNORED),
    ],
)
def test_a_missing_key_goes_by_the_policy(policy, stock, expected):
    found = judge(stock, None, Rules(missing_key_policy=MissingKeyPolicy(policy)))

    if isinstance(found, Difference):
        assert (found.key_missing, found.redis_stock) == (True, 0)
        found = found.action
    assert found is expected


def test_restore_policy_is_about_missing_keys_only():
    rules = Rules(missing_key_policy=MissingKeyPolicy.RESTORE)

    assert judge(b"100", b"0", rules).action is Action.MANUAL_REVIEW_REQUIRED
