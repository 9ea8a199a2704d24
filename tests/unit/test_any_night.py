"""Whatever is sold, and whenever attempts die, are drained or cleared: what must hold after any run, holds."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from stocksync.errors import PublishFailed
from stocksync.reconcile.sizes import STANDARD
from tests.kit.fakes.shop import SETTLE, FakeShop

IDS = [f"P{n}" for n in range(8)]
PRODUCTS = st.fixed_dictionaries(
    {},
    optional={
        i: st.tuples(
            st.none() | st.integers(15, 90), st.none() | st.integers(15, 90) | st.sampled_from([b"x", b"1.5", b""])
        )
        for i in IDS
    },
)
# Someone buys: the counter goes down at once, the ledger after less than the settling time.
SALES = st.lists(st.tuples(st.floats(0, 30), st.sampled_from(IDS), st.floats(0.01, SETTLE * 0.9)), max_size=6)
# A night: each attempt dies after so many steps, then perhaps publish_pending drains or a person clears.
DEATH = st.tuples(st.integers(1, 12), st.sampled_from(["", "drain", "clear", "lock lost", "broker full"]))
NIGHT = st.lists(DEATH, max_size=5)


class SellingShop(FakeShop):
    def __init__(self, products, sales):
        super().__init__(products)
        self.sold = dict.fromkeys(IDS, 0)
        for moment, product_id, lag in sales:
            self.clock.after(moment, lambda i=product_id, lag=lag: self.order(i, lag))

    def order(self, product_id, lag):
        cached, stock = self.redis.counters.get(product_id), self.ledger.stocks.get(product_id)
        if cached is not None and cached.isdigit() and int(cached) and isinstance(stock, bytes) and int(stock):
            self.sell(product_id)
            self.sold[product_id] += 1
            self.clock.after(lag, lambda: self.book(product_id))


@given(PRODUCTS, SALES, NIGHT, st.integers(1, 4))
def test_what_must_hold_after_any_run_holds_after_any_night(products, sales, night, group_size):
    shop = SellingShop(products, sales)
    before = dict(shop.redis.counters)
    shop.sizes, shop.ledger.batch = replace(STANDARD, group=group_size), group_size
    for steps, then in night:
        shop.publisher.room = 1 if then == "broker full" else None
        shop.die_after(steps)
        shop.publisher.room = None
        {"drain": shop.drain, "clear": shop.cleared}.get(then, int)()
        if then == "lock lost":
            shop.redis.lock = None
    outcome = shop.attempt()
    shop.clock.sleep(60)  # what was still on its way arrives

    events = list(shop.events().values())
    restores = [e for e in events if e["action"] == "REDIS_RESTORED"]
    assert outcome.tally.products == len(products)
    assert outcome.unprocessed == 0
    assert outcome.tally.restored.count == len(restores) == shop.redis.writes
    assert {e["productId"] for e in events} >= {entry.product_id for entry in outcome.tally.review.top}
    assert shop.recorded() == []
    for i in products:
        moved = sum(e["discrepancy"] for e in restores if e["productId"] == i)
        if isinstance(shop.redis.counters.get(i), bytes) and shop.redis.counters[i].isdigit():
            held = int(before.get(i, b"0"))
            assert int(shop.counter(i)) == held + moved - shop.sold[i], "a sale was lost, or stock appeared"
        else:
            assert shop.redis.counters.get(i) == before.get(i)


@given(PRODUCTS)
def test_a_second_run_with_nothing_changed_writes_nothing(products):
    shop = FakeShop(products)
    first = shop.attempt().tally
    writes, counters = shop.redis.writes, dict(shop.redis.counters)

    shop.publisher.delivered.clear()
    shop.redis.notes.clear()
    shop.journal.text = None
    second = shop.attempt().tally

    assert (shop.redis.writes, shop.redis.counters) == (writes, counters)
    assert second.restored.count == 0
    assert second.matched == first.matched + first.restored.count
    assert second.review == first.review


def test_the_night_above_can_fail_its_broker():
    shop = FakeShop({"a": (5, 4), "b": (5, 4)})
    shop.publisher.room = 1
    try:
        shop.attempt()
    except PublishFailed:
        shop.publisher.room = None

    assert shop.attempt().tally.restored.count == len(shop.events()) == 2
