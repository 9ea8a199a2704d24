"""A sale, or worse, at the very moment between two steps, on real stores."""

import pytest

from stocksync.reconcile.sizes import Sizes
from tests.kit.promises import logical_events
from tests.kit.retried_run import QuietShop, once

FREE = [("a", 100, 97), ("b", 5, 5)]


@pytest.fixture
def shop(database, cache):
    shop = QuietShop(database, cache, "", "").build()
    shop.stock(FREE)
    return shop


@pytest.mark.fault(17)
def test_a_sale_between_the_second_look_and_the_write_is_not_undone(shop):
    shop.run(reached=once("looked again", lambda: shop.cache.decr("stock:a")))

    [event] = shop.events().values()
    assert (event["redisStock"], event["discrepancy"]) == (96, 4)
    assert shop.counter("a") == "100"  # 96 had stood for the settling time


@pytest.mark.fault(17)
def test_a_product_sold_at_every_look_is_changed_and_left_alone(shop):
    def sale(step):
        if step == "looked again":
            shop.cache.decr("stock:a")

    summary = shop.run(reached=sale)

    assert (summary["changed"], summary["restored"], shop.events()) == (1, 0, {})
    assert int(shop.counter("a")) < 97


@pytest.mark.fault(18)
def test_an_order_that_is_not_in_the_ledger_yet_is_not_restored(shop):
    shop.cache.decrby("stock:b", 2)
    book = "UPDATE products SET stock = 3 WHERE id = 'b'"

    summary = shop.run(reached=once("settled", lambda: shop.sql(book)))

    assert (summary["matched"], set(shop.events())) == (1, {"a"})
    assert shop.counter("b") == "3"


@pytest.mark.fault(29)
@pytest.mark.parametrize("step", ["settled", "looked again"])
def test_a_counter_that_turns_into_a_list_meanwhile_is_not_overwritten(shop, step):
    def replace():
        shop.cache.delete("stock:a")
        shop.cache.rpush("stock:a", "x")

    shop.run(reached=once(step, replace))

    assert shop.cache.lrange("stock:a", 0, -1) == [b"x"]
    assert shop.events() == {}


@pytest.mark.fault(33)
def test_every_service_restarted_once_and_ten_deaths_in_one_run(shop, postgres, redis_server):
    shop.sizes = Sizes(batch=25, group=25)

    shop.stock([(f"P{n:03d}", 50, 47) for n in range(300)])
    plan, [id_range] = shop.plan(), shop.ranges()
    deaths = 0

    class DeathError(BaseException):
        pass

    def die():
        raise DeathError

    for number, step in enumerate(["settled", "looked again", "committed", "published", "saved"] * 2):
        if number == 3:
            redis_server.restart(keep_data=True)
        if number == 6:
            postgres.restart()
        try:
            shop.reconcile(plan, id_range, reached=once(step, die))
        except DeathError:
            deaths += 1

    summary = shop.close(plan, [id_range], {0: shop.reconcile(plan, id_range)})
    assert deaths == 10
    assert (summary["status"], summary["restored"], summary["matched"], summary["total"]) == ("complete", 301, 1, 302)
    assert len(logical_events(shop, plan.run_id)) == 301
