"""How often Redis and Kafka are asked: a matter of batches, not of products."""

from tests.kit.real_shop import RealShop


def calls(cache):
    return {name.removeprefix("cmdstat_"): stats["calls"] for name, stats in cache.info("commandstats").items()}


def test_a_thousand_products_that_agree_are_one_mget(database, cache, kafka, topic):
    shop = RealShop(database, cache, kafka.client, topic).build()
    shop.stock((f"P{n:05d}", 5, 5) for n in range(5000))
    plan, [id_range] = shop.plan(dry_run=True), shop.whole()
    cache.config_resetstat()

    shop.reconcile(plan, id_range)

    asked = calls(cache)
    assert asked["mget"] == 5
    assert asked.get("get", 0) + asked.get("type", 0) <= 1  # the test's own journal


def test_a_thousand_differences_are_a_few_scripts_and_no_call_for_each(database, cache, kafka, topic):
    shop = RealShop(database, cache, kafka.client, topic).build()
    shop.stock((f"P{n:05d}", 5, 4) for n in range(5000))
    plan, [id_range] = shop.plan(), shop.whole()
    cache.script_flush()
    cache.config_resetstat()

    shop.reconcile(plan, id_range)

    asked = calls(cache)
    assert asked["mget"] == 5 * 3  # the scan, the first look, the second
    loaded = sum(count for name, count in asked.items() if name.startswith("script"))  # each was asked for in vain once
    sent = asked["evalsha"] - loaded
    group = 1 + 5  # announced, 200 products a commit
    closing = 3  # noted, cleared, taken off the list: four groups together, then the fifth with the end of the range
    assert sent == 5 * group + 2 * closing + 4  # at the start taken over, shut, read, noted


def test_a_thousand_missing_keys_are_one_question(database, cache, kafka, topic):
    shop = RealShop(database, cache, kafka.client, topic).build()
    shop.stock((f"P{n:05d}", 5, None) for n in range(5000))
    plan, [id_range] = shop.plan(dry_run=True), shop.whole()
    cache.config_resetstat()

    outcome = shop.reconcile(plan, id_range)

    asked = calls(cache)
    assert outcome.tally.without_key == 5000
    assert asked["exists"] == 5 * 3  # the scan, the first look, the second
    assert asked.get("type", 0) <= 1  # the test's own journal


def test_a_key_of_another_type_is_found_among_a_thousand_missing_ones(database, cache, kafka, topic):
    shop = RealShop(database, cache, kafka.client, topic).build()
    shop.stock((f"P{n:05d}", 5, None) for n in range(1000))
    cache.rpush("stock:P00500", "5")
    plan, [id_range] = shop.plan(dry_run=True), shop.whole()

    outcome = shop.reconcile(plan, id_range)

    assert (outcome.tally.without_key, outcome.tally.invalid) == (999, 1)
