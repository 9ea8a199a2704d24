"""What is remembered in Redis."""

import json
from dataclasses import replace

from stocksync.adapters.redis_delivery_log import WEEK, RedisDeliveryLog, RedisOpenIncidents
from stocksync.alerting.batch import Tokens, token
from stocksync.alerting.ports import Delivered, OpenIncident

PRODUCT = OpenIncident("stock-sync/product/PRD-001", 1.5, product_id="PRD-001")


def test_what_was_told_is_read_back(cache):
    memory = RedisDeliveryLog(cache, "slack")
    memory.remember("run:1", token("a") + token("b"), Delivered(messages=2, urgent=1))
    memory.remember("run:1", token("c"), Delivered(messages=3, urgent=1))
    told = Tokens(memory.tokens("run:1"))
    assert [name for name in "abcd" if token(name) in told] == ["a", "b", "c"]
    assert memory.delivered("run:1") == Delivered(messages=3, urgent=1)


def test_a_channel_and_a_run_know_nothing_of_the_others(cache):
    RedisDeliveryLog(cache, "slack").remember("run:1", token("a"), Delivered(messages=1))
    assert RedisDeliveryLog(cache, "pagerduty").tokens("run:1") == b""
    assert RedisDeliveryLog(cache, "slack").delivered("run:2") == Delivered()


def test_as_long_as_events_come_again_it_is_not_forgotten_that_they_were_told(cache):
    memory = RedisDeliveryLog(cache, "pagerduty")
    memory.remember("run:1", token("a"), Delivered(urgent=1))
    for key in cache.keys("*"):
        cache.expire(key, 60)
    memory.tokens("run:1")
    assert all(cache.ttl(key) > WEEK - 60 for key in cache.keys("*"))


def test_an_open_incident_is_listed_until_it_is_removed(cache):
    incidents = RedisOpenIncidents(cache)
    incidents.add(PRODUCT)
    assert incidents.all() == [PRODUCT]
    incidents.remove(PRODUCT)
    assert incidents.all() == []


def test_an_incident_that_was_opened_anew_in_the_meantime_stays_listed(cache):
    incidents = RedisOpenIncidents(cache)
    incidents.add(PRODUCT)
    again = replace(PRODUCT, opened_at=2.5)
    incidents.add(again)
    incidents.remove(PRODUCT)
    assert incidents.all() == [again]


def test_the_products_an_incident_counts_are_noted_with_it(cache):
    incidents = RedisOpenIncidents(cache)
    counting = OpenIncident("stock-sync/more/run:1", 1.5, counted=2, products=("PRD-001", "한"))
    incidents.add(counting)
    assert incidents.all() == [counting]
    incidents.remove(counting)
    assert incidents.all() == []


def test_an_incident_that_an_earlier_version_noted_is_closed(cache):
    noted = {"dedup_key": PRODUCT.dedup_key, "opened_at": 1.5, "product_id": "PRD-001", "counted": 0}
    cache.hset("sync:stock:incidents", PRODUCT.dedup_key, json.dumps(noted, sort_keys=True))
    incidents = RedisOpenIncidents(cache)
    assert incidents.all() == [PRODUCT]
    incidents.remove(PRODUCT)
    assert incidents.all() == []
