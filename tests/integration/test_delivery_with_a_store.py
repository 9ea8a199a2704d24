"""Delivery where there is an operations store: every event is kept, and a Redis that was emptied forgets nothing."""

import pytest
import redis

from stocksync.bootstrap import Bootstrap
from stocksync.errors import NotDelivered
from stocksync.settings import Settings
from tests.kit.real_delivery import DIGEST, RUN, URGENT, critical, low, real_delivery


@pytest.fixture
def office(kafka, topic, cache, redis_server, ops_store, tmp_path):
    with real_delivery(kafka, topic, redis_server.uri, tmp_path) as office:
        office.arguments["ops"] = ops_store.worker
        yield office


class BothMemories(Bootstrap):
    """The program on a Redis and a store."""

    def __init__(self, redis_uri, store):
        self._store = store
        super().__init__(self, Settings())
        self.client = redis.Redis.from_url(redis_uri)

    @property
    def redis(self):
        return self.client

    @property
    def operations(self):
        return self._store.database


def kept(store):
    return store.rows("SELECT product_id, action FROM findings ORDER BY product_id")


def test_every_event_is_told_and_kept_once(office, ops_store):
    office.publish(critical(), low())
    office.run()
    office.publish(critical("PRD-002"))
    office.run()
    assert kept(ops_store) == [
        ("PRD-001", "MANUAL_REVIEW_REQUIRED"),
        ("PRD-002", "MANUAL_REVIEW_REQUIRED"),
        ("PRD-123", "REDIS_RESTORED"),
    ]
    assert {run_id for (run_id,) in ops_store.rows("SELECT run_id FROM filled")} == {RUN.run_id}


@pytest.mark.parametrize("step", ["remember slack", "commit"])
def test_a_kill_in_the_middle_keeps_every_event_once(office, ops_store, step):
    office.publish(critical(), low())
    office.run_and_be_killed(step)
    office.run()
    assert len(kept(ops_store)) == 2


def test_a_store_that_is_down_silences_nobody_and_is_filled_later(office, ops_store, postgres):
    office.publish(critical(), low())
    postgres.stop()
    with pytest.raises(NotDelivered, match=r"people were told, and not all .* PostgreSQL \(connection stock_ops\)"):
        office.run()
    assert office.titles == [URGENT, DIGEST]
    assert (len(office.pagerduty.events), office.committed) == (1, 0)
    postgres.start()
    office.run()
    assert (office.titles, len(office.pagerduty.events), office.committed) == ([URGENT, DIGEST], 1, 2)
    assert len(kept(ops_store)) == 2


def test_what_was_told_is_not_told_again_after_redis_was_emptied(office, cache, ops_store):
    office.publish(critical(), low())
    office.run_and_be_killed("commit")
    cache.flushdb()
    office.run()
    assert (office.titles, len(office.pagerduty.events), office.committed) == ([URGENT, DIGEST], 1, 2)


def test_an_incident_is_closed_later_though_redis_was_emptied(office, cache, redis_server, ops_store):
    office.publish(critical())
    office.run()
    cache.flushdb()
    incidents = BothMemories(redis_server.uri, ops_store).open_incidents()
    [incident] = incidents.all()
    assert incident.product_id == "PRD-001"
    incidents.remove(incident)
    assert BothMemories(redis_server.uri, ops_store).open_incidents().all() == []


def test_what_was_put_aside_is_not_put_aside_again_after_redis_was_emptied(cache, redis_server, ops_store):
    BothMemories(redis_server.uri, ops_store).dead_letter_log().remember([b"12345678"])
    cache.flushdb()
    assert BothMemories(redis_server.uri, ops_store).dead_letter_log().known() == {b"12345678"}
