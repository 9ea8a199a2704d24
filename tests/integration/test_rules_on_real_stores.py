"""The rules as a shop sees them, on a real PostgreSQL, Redis and Kafka."""

import uuid

import pytest

from stocksync.model.policy import MissingKeyPolicy, Rules
from tests.kit.real_shop import RealShop


@pytest.fixture
def shop(database, cache, kafka, topic):
    return RealShop(database, cache, kafka.client, topic)


ID_TYPES = {
    "text": [f"PRD-{n:05d}" for n in range(40)],
    "uuid": [str(uuid.uuid5(uuid.NAMESPACE_OID, str(n))) for n in range(40)],
    "bigint": [str(n * 10**15 - 7) for n in range(40)],
    "varchar(40)": [f"varchar {n}" for n in range(40)],
    "integer": [str(n) for n in range(40)],
}


@pytest.mark.parametrize("id_type", ID_TYPES)
def test_small_differences_are_restored_and_large_ones_left_for_every_type_of_id(shop, id_type):
    shop.id_type = id_type
    shop.build()
    ids = ID_TYPES[id_type]
    gaps = [0, 1, -1, 5, -5, 6, -6, 10, -10, 11, -11, 50, -50, 51, -51]
    shop.stock((i, 100, 100 - gap) for i, gap in zip(ids, gaps + [0] * (len(ids) - len(gaps)), strict=True))

    summary = shop.run()

    found = {e["productId"]: (e["discrepancy"], e["severity"], e["action"]) for e in shop.events().values()}
    restored, review = "REDIS_RESTORED", "MANUAL_REVIEW_REQUIRED"
    assert found == dict(
        zip(
            ids[1:15],
            [
                (1, "LOW", restored),
                (-1, "LOW", restored),
                (5, "LOW", restored),
                (-5, "LOW", restored),
                (6, "MEDIUM", restored),
                (-6, "MEDIUM", restored),
                (10, "MEDIUM", restored),
                (-10, "MEDIUM", restored),
                (11, "HIGH", review),
                (-11, "HIGH", review),
                (50, "HIGH", review),
                (-50, "HIGH", review),
                (51, "CRITICAL", review),
                (-51, "CRITICAL", review),
            ],
            strict=True,
        )
    )
    assert [shop.counter(i) for i in ids[:9]] == ["100"] * 9
    assert [shop.counter(i) for i in ids[9:15]] == ["89", "111", "50", "150", "49", "151"]
    assert (summary["total"], summary["matched"], summary["restored"], summary["manual_review"]) == (40, 26, 8, 6)
    assert summary["by_severity"] == {"LOW": 4, "MEDIUM": 4, "HIGH": 4, "CRITICAL": 2}
    assert (summary["status"], summary["max_discrepancy"]) == ("complete", 51)


@pytest.mark.parametrize(
    ("policy", "restored", "review", "matched"),
    [("zero", 1, 2, 1), ("restore", 3, 0, 1), ("ignore", 0, 0, 4)],
)
def test_a_product_without_a_key_goes_by_the_policy(shop, policy, restored, review, matched):
    shop.rules = Rules(missing_key_policy=MissingKeyPolicy(policy))
    shop.build().stock([("a", 0, None), ("b", 10, None), ("c", 11, None), ("d", 51, None)])

    summary = shop.run()

    assert (summary["restored"], summary["manual_review"], summary["matched"]) == (restored, review, matched)
    assert summary["missing_keys"] == 4
    assert shop.counter("a") is None
    assert shop.counter("b") == (None if policy == "ignore" else "10")
    assert shop.counter("d") == ("51" if policy == "restore" else None)


NO_NUMBERS = ["5.5", "1e3", "0x10", " 7 ", "1_000", "٣", "nan", str(2**53 + 1), "", "-0", "007", "+1", "x" * 2**20]


@pytest.mark.fault(28)
def test_a_counter_that_is_no_stock_number_is_named_and_kept_and_the_others_go_on(shop):
    shop.build()
    shop.stock([(f"bad-{n:02d}", 7, bad) for n, bad in enumerate(NO_NUMBERS)])
    shop.stock([("minus", 3, "-5"), ("low", 7, "6")])

    summary = shop.run()

    assert summary["invalid"] == len(NO_NUMBERS)
    assert [shop.counter(f"bad-{n:02d}") for n in range(len(NO_NUMBERS))] == NO_NUMBERS
    assert (shop.counter("minus"), shop.counter("low")) == ("3", "7")
    assert summary["restored"] == 2


@pytest.mark.fault(29)
def test_a_key_of_another_type_is_untouched_and_a_keys_time_to_live_is_kept(shop):
    shop.build().stock([("list", 3, None), ("mortal", 7, "6"), ("list0", 0, None)])
    shop.cache.rpush("stock:list", "a", "b")
    shop.cache.rpush("stock:list0", "a")
    shop.cache.expire("stock:mortal", 1000)

    summary = shop.run()

    assert (summary["invalid"], summary["restored"], summary["missing_keys"]) == (2, 1, 0)
    assert shop.cache.lrange("stock:list", 0, -1) == [b"a", b"b"]
    assert shop.counter("mortal") == "7"
    assert 0 < shop.cache.ttl("stock:mortal") <= 1000


@pytest.mark.fault(30)
def test_a_ledger_stock_that_is_null_negative_or_too_large_is_invalid_and_nothing_crashes(shop):
    shop.build().stock(
        [("null", None, "1"), ("null2", None, None), ("minus", -1, "-1"), ("big", 2**31, "1"), ("max", 2**31 - 1, "0")]
    )

    summary = shop.run()

    assert (summary["invalid"], summary["manual_review"]) == (4, 1)
    assert shop.events()["max"]["discrepancy"] == 2**31 - 1


STRANGE = [
    "é", "e\u0301", "with space", " lead", "trail ", "a:b", "{tag}", "cr\rlf\n", "tab\t", "back\\slash", "\\N", "\\.",
    "k" * 1000, "'; DROP TABLE products; --", "<!channel>", "`code`", "*bold*", '"quoted"', "100%", "%s", "한국어",
    "🎈", "\u202egnp.exe", "a\x01b",
]  # fmt: skip


@pytest.mark.fault(31)
def test_any_id_makes_the_round_trip_exactly(shop):
    shop.build().stock([(i, 9, 8) for i in STRANGE])

    summary = shop.run()

    assert set(shop.events()) == set(STRANGE)
    assert {copy.key.decode() for copy in shop.copies()} == set(STRANGE)
    assert [shop.counter(i) for i in STRANGE] == ["9"] * len(STRANGE)
    assert summary["restored"] == len(STRANGE)


@pytest.mark.fault(32)
@pytest.mark.parametrize("products", [0, 1, 999, 1000, 1001])
def test_every_product_is_compared_once_at_the_edges_of_a_batch(shop, products):
    shop.build().stock((f"P{n:05d}", 5, 4) for n in range(products))

    ranges = shop.ranges()
    summary = shop.run(ranges=ranges)

    assert len(ranges) == max(1, -(-products // 1000))
    assert (summary["total"], summary["restored"]) == (products, products)
    assert len(shop.events()) == products


def test_a_second_run_with_nothing_changed_writes_nothing(shop):
    shop.build().stock([("a", 5, 4), ("b", 100, 20)])
    shop.run()
    before = {key: shop.cache.get(key) for key in shop.cache.keys("stock:*")}

    again = shop.run()

    assert (again["restored"], again["matched"], again["manual_review"]) == (0, 1, 1)
    assert {key: shop.cache.get(key) for key in shop.cache.keys("stock:*")} == before


def test_a_dry_run_counts_what_it_would_do_and_touches_nothing(shop):
    shop.build().stock([("a", 5, 4), ("b", 100, 20), ("c", 1, 1)])

    summary = shop.run(shop.plan(dry_run=True))

    assert (summary["restored"], summary["manual_review"], summary["matched"]) == (1, 1, 1)
    assert (shop.counter("a"), shop.counter("b")) == ("4", "20")
    assert shop.cache.keys("sync:*") == []
    assert shop.copies() == []


def test_a_run_leaves_no_lock_and_no_outbox_behind(shop):
    shop.build().stock([("a", 5, 4), ("b", 100, 20)])
    plan = shop.plan()

    shop.run(plan)

    assert shop.cache.get(f"sync:stock:{plan.date}") is None
    assert shop.cache.keys("sync:stock:outbox*") == []


def test_an_event_says_in_its_headers_which_run_made_it_and_why(shop):
    shop.build().stock([("a", 5, 4)])
    plan = shop.plan("manual__one")

    shop.run(plan)

    [copy] = shop.copies()
    assert copy.headers == {
        "stock-sync-run-id": "manual__one",
        "stock-sync-run-type": "manual",
        "stock-sync-run-date": plan.date,
        "stock-sync-reason": "redis 4: difference 1 is within the limit 10",
    }
