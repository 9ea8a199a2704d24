"""A shop that keeps its open orders in Redis: what they hold, what of it is in doubt, and what cannot be read."""

import pytest

from stocksync.adapters.ledger_less_holds import LedgerLessHolds
from stocksync.adapters.redis_holds import RedisHolds
from stocksync.errors import BadSetting
from stocksync.model.expected import Expected
from stocksync.model.holds import HoldsFormat
from tests.kit.retried_run import QuietShop, once

INDEX = "stock:reservation-expiry-index"
UUID = "[0-9a-f-]{36}"
HOLDS = {
    "holds_index": INDEX,
    "holds_entry": f"(?P<order>{UUID}):(?P<product>{UUID}|[A-Za-z0-9]+):(?P<quantity>[0-9]+)$",
    "holds_key": "stock:reservation:{order}:{product}",
}
KRYO = b"\x03\x01\xc8"


def order_id(number):
    return f"00000000-0000-4000-8000-{number:012d}"


def key(number, product_id):
    return f"stock:reservation:{order_id(number)}:{product_id}"


def entry(number, product_id, units):
    return KRYO + f"{order_id(number)}:{product_id}:{units}".encode()


class HoldingShop(QuietShop):
    def hold(self, number, product_id, units, *, alive=True):
        """Write an open order's hold down, as the shop does."""
        self.cache.zadd(INDEX, {entry(number, product_id, units): 1_764_000_000 + number})
        if alive:
            self.cache.set(key(number, product_id), b"\x01\x00kryo", ex=900)


@pytest.fixture
def shop(database, cache):
    return HoldingShop(database, cache, "", "", holds=HOLDS).build()


def test_open_orders_are_taken_off_and_drift_beside_them_is_restored_to_what_is_free(shop):
    shop.stock([("a", 100, 40), ("b", 100, 37), ("c", 5, 5), ("d", 100, 45)])
    for number, product_id in enumerate("abd"):
        shop.hold(2 * number, product_id, 50)
        shop.hold(2 * number + 1, product_id, 10)

    summary = shop.run()

    assert (summary["matched"], summary["restored"], summary["held_units"]) == (2, 2, 180)
    assert {i: shop.counter(i) for i in "abcd"} == {"a": "40", "b": "40", "c": "5", "d": "40"}
    assert (summary["status"], summary["in_doubt"]) == ("complete", 0)
    headers = {copy.event["productId"]: copy.headers for copy in shop.copies()}
    assert [headers["b"][f"stock-sync-{name}"] for name in ("ledger-stock", "held")] == ["100", "60"]


def test_without_the_setting_the_same_shop_puts_units_in_baskets_on_sale_again(shop):
    shop.holds = {}
    shop.stock([("a", 10, 4)])
    shop.hold(1, "a", 6)

    shop.run()

    assert shop.counter("a") == "10"


def test_an_order_without_its_key_is_in_doubt_and_the_counter_is_never_raised(shop):
    shop.stock([("a", 100, 97), ("b", 100, 95)])
    shop.hold(1, "a", 3, alive=False)
    shop.hold(2, "b", 3, alive=False)

    summary = shop.run()

    assert (summary["changed"], summary["in_doubt"], summary["restored"]) == (2, 2, 0)
    assert (shop.counter("a"), shop.counter("b"), shop.events()) == ("97", "95", {})
    assert summary["total"] == 2


def test_what_a_doubt_does_not_touch_goes_on(shop):
    """A counter that is too large is, with the order or without; a large loss is a person's, who decides."""
    shop.stock([("high", 100, 104), ("lost", 100, 20), ("paid", 100, 100)])
    for number, product_id in enumerate(["high", "lost", "paid"]):
        shop.hold(number, product_id, 3, alive=False)

    summary = shop.run()

    assert (summary["restored"], summary["manual_review"], summary["matched"], summary["in_doubt"]) == (1, 1, 1, 0)
    assert (shop.counter("high"), shop.counter("lost")) == ("100", "20")


def test_a_large_difference_that_a_doubt_explains_asks_nobody(shop):
    shop.stock([("a", 100, 40)])
    shop.hold(1, "a", 60, alive=False)

    summary = shop.run()

    assert (summary["in_doubt"], summary["manual_review"]) == (1, 0)


def test_a_payment_between_the_looks_at_holds_and_ledger_is_noticed(shop):
    """The shop deletes the key, and commits a little later: the ledger is without the order, the hold not yet gone."""
    shop.stock([("a", 100, 95)])
    shop.hold(1, "a", 3)
    parts = shop.parts()
    ledger = parts.expected()
    bare = parts.ledger.expected

    def paid_meanwhile(product_ids):
        shop.cache.delete(key(1, "a"))
        shop.sql("UPDATE products SET stock = 97")
        return bare(product_ids)

    assert ledger.expected(["a"])["a"].steady
    parts.ledger.expected = paid_meanwhile
    assert not ledger.expected(["a"])["a"].steady
    parts.ledger.expected = bare
    assert (ledger.expected(["a"])["a"].steady, ledger.expected(["a"])["a"].in_doubt) == (True, 3)


def test_an_entry_that_goes_between_the_looks_is_noticed_where_entries_need_no_key(shop):
    shop.stock([("a", 100, 97)])
    shop.holds = {name: value for name, value in HOLDS.items() if name != "holds_key"}
    shop.hold(1, "a", 3, alive=False)
    parts = shop.parts()
    ledger, bare = parts.expected(), parts.ledger.expected

    def paid_meanwhile(product_ids):
        shop.cache.delete(INDEX)
        return bare(product_ids)

    assert ledger.expected(["a"])["a"] == Expected(b"97", held=3)
    parts.ledger.expected = paid_meanwhile
    assert not ledger.expected(["a"])["a"].steady


def test_a_counter_that_an_open_order_never_took_down_is_lowered(shop):
    shop.stock([("a", 100, 100)])
    shop.hold(1, "a", 6)

    summary = shop.run()

    assert (summary["restored"], shop.counter("a")) == (1, "94")


def test_an_entry_that_redis_gives_twice_counts_once(shop):
    class Twice(RedisHolds):
        def pieces(self):
            for piece in super().pieces():
                yield piece
                yield piece

    shop.stock([("a", 100, 97), ("b", 100, 90)])
    shop.hold(1, "a", 3)
    shop.hold(2, "b", 3)
    form = HoldsFormat.of(HOLDS["holds_entry"], HOLDS["holds_key"])
    ledger = LedgerLessHolds(shop.parts().ledger, Twice(shop.cache, INDEX), form, had_holds=True)

    summary = shop.run(ledger=ledger)

    assert (summary["matched"], summary["changed"], shop.counter("a")) == (1, 0, "97")
    assert shop.counter("b") == "97"


def test_an_order_placed_after_the_scan_began_is_seen_by_the_second_look(shop):
    shop.stock([("a", 100, 98)])

    summary = shop.run(reached=once("settled", lambda: shop.hold(1, "a", 2)))

    assert (summary["matched"], shop.counter("a")) == (1, "98")


@pytest.mark.parametrize("kind", ["zset", "set", "hash"])
def test_the_index_may_be_a_sorted_set_a_set_or_a_hash(shop, kind):
    shop.stock([("a", 100, 50), *((f"p{n}", 10, 8) for n in range(600))])
    for number in range(601):
        product_id, units = ("a", 40) if number == 600 else (f"p{number}", 2)
        raw = entry(number, product_id, units)
        shop.cache.set(key(number, product_id), 1)
        match kind:
            case "zset":
                shop.cache.zadd(INDEX, {raw: number})
            case "set":
                shop.cache.sadd(INDEX, raw)
            case "hash":
                field, _, value = raw.rpartition(b":")
                shop.cache.hset(INDEX, field, value)

    summary = shop.run()

    assert (summary["matched"], summary["restored"], summary["held_units"]) == (600, 1, 1240)
    assert shop.counter("a") == "60"


def test_an_index_of_another_type_stops_the_run_before_it_writes(shop):
    shop.stock([("a", 100, 97)])
    shop.cache.lpush(INDEX, "x")

    with pytest.raises(BadSetting, match=f"STOCK_SYNC_HOLDS_INDEX='{INDEX}' is a list; allowed: a sorted set, a set"):
        shop.run()

    assert shop.counter("a") == "97"


def test_more_than_one_in_a_hundred_entries_that_cannot_be_read_stop_the_run_before_it_writes(shop):
    shop.stock([("a", 100, 97)])
    for number in range(98):
        shop.hold(number, "other", 1)
    shop.cache.zadd(INDEX, {b"\xff<b>\n": 1, b"no": 2})

    with pytest.raises(BadSetting, match=r"2 or more of 100 entries cannot be read, for example b'(\\xff<b>\\n|no)'"):
        shop.run()

    assert shop.counter("a") == "97"


def test_one_entry_that_cannot_be_read_may_be_of_any_product_so_no_counter_is_raised(shop, caplog):
    shop.stock([("a", 100, 97), ("b", 100, 20), ("c", 100, 104)])
    for number in range(100):
        shop.hold(number, "other", 1)
    shop.cache.zadd(INDEX, {b"\xff:a:3 ": 1})

    summary = shop.run()

    assert (summary["in_doubt"], summary["restored"], summary["manual_review"]) == (2, 1, 0)
    assert {i: shop.counter(i) for i in "abc"} == {"a": "97", "b": "20", "c": "100"}
    assert summary["status"] == "partial"
    assert r"b'\xff:a:3 '" in caplog.text


@pytest.mark.parametrize("lost", ["before the run", "in the run"])
def test_holds_that_are_gone_are_an_alarm_and_no_counter_is_raised(shop, lost, caplog):
    shop.stock([("a", 100, 97), ("b", 100, 104)])
    if lost == "before the run":
        shop.held_before = 3
        summary = shop.run()
        assert "THE HOLDS ARE GONE" in caplog.text
    else:
        shop.hold(1, "a", 3)
        plan = shop.plan()
        shop.cache.delete(INDEX)
        summary = shop.run(plan)

    assert (summary["status"], summary["in_doubt"], summary["restored"]) == ("partial", 1, 1)
    assert (shop.counter("a"), shop.counter("b")) == ("97", "100")


def test_a_shop_that_never_had_holds_is_restored_as_ever(shop):
    shop.stock([("a", 100, 97)])

    summary = shop.run()

    assert (summary["status"], summary["restored"], shop.counter("a")) == ("complete", 1, "100")


def test_more_on_hold_than_there_is_is_invalid(shop):
    shop.stock([("a", 3, 1)])
    shop.hold(1, "a", 4)

    summary = shop.run()

    assert (summary["invalid"], shop.counter("a")) == (1, "1")


@pytest.mark.parametrize("id_type", ["uuid", "bigint"])
def test_entries_may_spell_ids_otherwise_than_the_ledger_and_name_products_it_does_not_have(database, cache, id_type):
    shop = HoldingShop(database, cache, "", "", holds=HOLDS, id_type=id_type, batch_size=2).build()
    ids = [f"{n:08d}-0000-4000-8000-00000000000{'a' if n % 2 else 'b'}" for n in range(1, 6)]
    ids = ids if id_type == "uuid" else ["1", "2", "3", "10", "20"]
    shop.holds = HOLDS | {"holds_entry": HOLDS["holds_entry"].replace("0-9a-f-]{36}|", "0-9A-Za-z-]{36}|")}
    shop.stock((product_id, 100, 90) for product_id in ids)
    for number, product_id in enumerate(ids):
        shop.hold(number, product_id.upper() if id_type == "uuid" else product_id.zfill(4), 10)
    shop.hold(77, order_id(77) if id_type == "uuid" else "777", 10)

    summary = shop.run()

    assert len(shop.ranges()) == 3
    assert (summary["matched"], summary["held_units"]) == (5, 50)


def test_a_product_that_is_no_id_of_the_columns_type_counts_as_unreadable(database, cache):
    shop = HoldingShop(database, cache, "", "", holds=HOLDS, id_type="bigint").build()
    shop.stock([("1", 100, 97), ("2", 100, 104)])
    for number in range(200):
        shop.hold(number, "3", 1)
    shop.hold(300, "abc", 1)

    summary = shop.run()

    assert (summary["in_doubt"], summary["restored"], shop.counter("1")) == (1, 1, "97")
    for number in range(3):
        shop.hold(400 + number, f"abc{number}", 1)
    with pytest.raises(BadSetting, match="3 or more of 204 entries cannot be read"):
        shop.run()
