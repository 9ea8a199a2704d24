"""Redis with the users docker-compose.yaml gives it: the DAGs can do their work and nothing else."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import redis

from tests.kit.cluster.compose_file import environment_of
from tests.kit.fakes.stores import FakeJournal
from tests.kit.real_shop import RealShop


@pytest.fixture
def shop(database, stock_redis, kafka, topic):
    """A shop on the deployed Redis, as its DAGs see it."""
    dags = stock_redis.client("dags", stock_redis.env["STOCK_REDIS_DAGS_PASSWORD"])
    return RealShop(database, dags, kafka.client, topic).build()


@pytest.fixture
def seller(stock_redis):
    return stock_redis.client("shop", stock_redis.env["STOCK_REDIS_SHOP_PASSWORD"])


def test_the_dags_user_does_a_whole_night(shop, seller):
    seller.mset({f"stock:P{n:03}": 100 - n % 12 for n in range(300)})
    shop.cache.set("stock:P299", 1)
    shop.sql("INSERT INTO products SELECT 'P' || lpad(n::text, 3, '0'), 100 FROM generate_series(0, 299) n")
    shop.cache.delete("stock:P298")
    seller.delete("stock:P000")
    seller.lpush("stock:P000", "a list")
    summary = shop.run(journal=FakeJournal())
    assert (summary["status"], summary["total"], summary["invalid"]) == ("complete", 300, 1)
    assert len(shop.events()) == summary["restored"] + summary["manual_review"] > 200
    assert seller.get("stock:P001") == b"100"


def test_the_dags_user_remembers_what_it_told(shop):
    from stocksync.adapters.redis_delivery_log import RedisDeliveryLog, RedisOpenIncidents  # noqa: PLC0415
    from stocksync.alerting.ports import Delivered, OpenIncident  # noqa: PLC0415

    memory, incidents = RedisDeliveryLog(shop.cache, "slack"), RedisOpenIncidents(shop.cache)
    memory.remember("group", b"12345678", Delivered(1, 2, 3))
    assert (memory.tokens("group"), memory.delivered("group")) == (b"12345678", Delivered(1, 2, 3))
    incidents.add(OpenIncident("key", 1.0, "P"))
    incidents.remove(*incidents.all())
    assert incidents.all() == []


FORBIDDEN = [
    "FLUSHALL",
    "KEYS *",
    "CONFIG GET *",
    "ACL LIST",
    "SET session:1 x",
    "GET session:1",
    "SHUTDOWN",
    "DEBUG SLEEP 0",
]
FORBIDDEN += [
    "SCAN 0",
    "SUBSCRIBE x",
    "MONITOR",
    "REPLICAOF NO ONE",
    "SWAPDB 0 1",
    "RENAME stock:1 stock:2",
    "MIGRATE h 1 stock:1 0 1",
]


@pytest.mark.parametrize("command", FORBIDDEN)
def test_the_dags_user_can_do_nothing_else(shop, command):
    with pytest.raises(redis.exceptions.NoPermissionError):
        shop.cache.execute_command(*command.split())


def test_a_script_has_no_more_rights_than_its_user(shop):
    with pytest.raises(redis.exceptions.ResponseError, match=r"(?i)acl|permission|NOPERM"):
        shop.cache.eval("return redis.call('SET', KEYS[1], 'x')", 1, "session:1")


def test_the_shop_sells_and_sees_nothing_of_the_runs(seller):
    seller.set("stock:1", 5)
    assert seller.decr("stock:1") == 4
    for command in ("GET sync:stock:outboxes", "FLUSHDB", "KEYS *", "CONFIG GET *"):
        with pytest.raises(redis.exceptions.NoPermissionError):
            seller.execute_command(*command.split())


def test_nobody_gets_in_without_a_password(stock_redis):
    with pytest.raises(redis.exceptions.AuthenticationError):
        stock_redis.client("dags", "guess").ping()
    with pytest.raises(redis.exceptions.AuthenticationError):
        redis.Redis("127.0.0.1", stock_redis.port).get("stock:1")
    health = stock_redis.client("health", "any")
    assert health.ping()
    with pytest.raises(redis.exceptions.NoPermissionError):
        health.get("stock:1")


def test_no_counter_is_evicted_and_each_write_is_kept(stock_redis):
    text = Path(stock_redis.process.command[2]).read_text()
    settings = dict(line.split(None, 1) for line in text.splitlines() if line and line[0] != "#")
    assert (settings["maxmemory-policy"], settings["appendonly"]) == ("noeviction", "yes")


def test_an_operator_beside_redis_needs_to_type_no_password(stock_redis):
    if not shutil.which("redis-cli"):
        pytest.skip("needs redis-cli: apt-get install redis-tools")
    command = ["redis-cli", "-p", str(stock_redis.port), "--user", "dags", "HGETALL", "sync:stock:outboxes"]
    environment = environment_of("stock-redis", stock_redis.env) | {"PATH": os.environ["PATH"]}
    asked = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    assert (asked.stdout.strip(), asked.stderr) == ("", "")
