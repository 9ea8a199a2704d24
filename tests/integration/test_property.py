"""Random catalogues on a real PostgreSQL and Redis, against the rules written a second time.

More examples: `pytest --hypothesis-profile=thorough`.
"""

from datetime import timedelta

import psycopg2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocksync.model.policy import MissingKeyPolicy, Rules
from tests.kit.fakes.stores import CODEC, FakePublisher
from tests.kit.oracle import LARGEST, WRONG_TYPE, counted, fate_of, outcome_of
from tests.kit.real_shop import RealShop

CORRUPT = [b"", b" 7", b"7 ", b"07",
           b"-0", b"+7", b"7.0", b"1e3", b"0x10", b"1_000", b"nan", "٣".encode(), b"\xff", b"\0",
           str(LARGEST + 1).encode(), str(-LARGEST - 2).encode(), b"9" * 30]  # fmt: skip

IDS = {
    "text": st.text(
        st.sampled_from("aB-:{}\\%'\"\t\r\n é\u0301한🎈") | st.characters(codec="utf-8"), max_size=12
    ).filter(lambda i: "\0" not in i),
    "bigint": st.integers(-(2**63), 2**63 - 1).map(str) | st.integers(-20, 20).map(str),
    "uuid": st.uuids().map(str),
}
NEAR = st.integers(0, 130)
LEDGER = NEAR | st.sampled_from([None, -1, 0, LARGEST, LARGEST + 1, -(2**63), "5.5", "7.00", "NaN"])
CACHE = (
    NEAR.map(lambda n: str(n).encode())
    | st.integers(-60, LARGEST).map(lambda n: str(n).encode())
    | st.sampled_from([None, WRONG_TYPE, *CORRUPT])
)


@st.composite
def catalogues(draw):
    id_type = draw(st.sampled_from(sorted(IDS)))
    ids = draw(st.lists(IDS[id_type], unique=True, max_size=25))
    products = {}
    for product_id in ids:
        ledger, cached = draw(LEDGER), draw(CACHE)
        if isinstance(ledger, int) and ledger >= 0 and draw(st.booleans()):
            cached = str(ledger - draw(st.sampled_from([0, 1, -1, 5, -5, 6, 10, -10, 11, -11, 50, 51, -51]))).encode()
        products[product_id] = (ledger, cached, draw(st.booleans()))
    return id_type, products


SETTINGS = st.fixed_dictionaries(
    {
        "policy": st.sampled_from(["zero", "restore", "ignore"]),
        "limit": st.sampled_from([0, 1, 5, 10, 11, 50, 1000, LARGEST]),
        "batch_size": st.integers(1, 30),
        "max_ranges": st.integers(1, 8),
        "dry_run": st.booleans(),
    }
)


# --- the rules, a second time ------------------------------------------------------------------------------------


def model(products, settings):
    """What a run must leave in Redis, count, and tell."""
    how = {"limit": settings["limit"], "missing": settings["policy"]}
    fates = {i: fate_of(ledger, cached, **how) for i, (ledger, cached, _) in products.items()}
    found = {i: fate for i, fate in fates.items() if fate.action}
    redis = {i: cached for i, (_, cached, _) in products.items()}
    if not settings["dry_run"]:
        redis |= {i: str(fate.stock).encode() for i, fate in found.items() if fate.name == "restored"}
    sizes = {i: abs(fate.stock - fate.held) for i, fate in found.items()}
    largest = sorted(sizes, key=lambda i: (-sizes[i], i))
    top = [
        {
            "product_id": i,
            "db": found[i].stock,
            "redis": found[i].held,
            "discrepancy": found[i].stock - found[i].held,
            "severity": found[i].severity,
            "action": found[i].action,
        }
        for i in largest[:10]
    ]
    summary = counted(fates) | {
        "total": len(products),
        "changed": 0,
        "unprocessed": 0,
        "mean_discrepancy": round(sum(sizes.values()) / len(sizes), 2) if sizes else 0.0,
        "max_discrepancy": max(sizes.values(), default=0),
        "max_discrepancy_product": largest[0] if largest else None,
        "top": top,
        "missing_keys": sum(cached is None for _, cached, _ in products.values()),
        "status": outcome_of(fates, [cached for _, cached, _ in products.values()], missing=settings["policy"]),
        "dry_run": settings["dry_run"],
    }
    events = {} if settings["dry_run"] else {i: fate.told for i, fate in found.items()}
    return redis, summary, events


# --- the program -------------------------------------------------------------------------------------------------


class QuickShop(RealShop):
    """A shop whose topic is a list, and whose ledger keeps its connection."""

    topic_of_this_run = None

    def publisher(self):
        return self.topic_of_this_run

    def open(self):
        self.session = psycopg2.connect(self.dsn)
        self.session.autocommit = True
        self.ledgers = {}
        for id_type in IDS:
            with self.session.cursor() as cursor:
                cursor.execute(f"CREATE TABLE {id_type}s (id {id_type} PRIMARY KEY, stock numeric)")

    def parts(self, **instead):
        """The program, with one ledger a table, whose connection stays open."""
        parts = super().parts(**instead)
        parts.ledger = self.ledgers.setdefault(self.table, parts.ledger)
        return parts

    def fill(self, id_type, products):
        self.table = f"{id_type}s"
        rows = ([*products], [None if ledger is None else str(ledger) for ledger, _, _ in products.values()])
        with self.session.cursor() as cursor:
            cursor.execute(f"TRUNCATE {self.table}")
            insert = f"INSERT INTO {self.table} SELECT * FROM unnest(%s::text[]::{id_type}[], %s::numeric[])"
            cursor.execute(insert, rows)
        pipeline = self.cache.pipeline()
        pipeline.flushall()
        for product_id, (_, cached, mortal) in products.items():
            key = f"{self.prefix}{product_id}"
            if cached is WRONG_TYPE:
                pipeline.rpush(key, "7")
            elif cached is not None:
                pipeline.set(key, cached, ex=1000 if mortal else None)
        pipeline.execute()

    def counters(self, products):
        """What Redis holds for each product, and whether it will expire."""
        held = {}
        for product_id in products:
            key = f"{self.prefix}{product_id}"
            if self.cache.type(key) == b"list":
                value = WRONG_TYPE if self.cache.lrange(key, 0, -1) == [b"7"] else "another list"
            else:
                value = self.cache.get(key)
            held[product_id] = (value, self.cache.ttl(key) > 0)
        return held


@pytest.fixture(scope="module")
def shop(postgres, redis_server):
    dsn = postgres.create_database("random_catalogues")
    with redis_server.client() as cache:
        shop = QuickShop(dsn, cache, "", "", settle=timedelta(0))
        shop.open()
        yield shop
    shop.session.close()
    for ledger in shop.ledgers.values():
        ledger.close()
    postgres.drop_database("random_catalogues")


def run(shop, settings):
    shop.topic_of_this_run = FakePublisher()
    return shop.run(shop.plan(dry_run=settings["dry_run"]))


@pytest.mark.fault(28, 29, 30, 31)
@given(catalogues(), SETTINGS)
def test_any_catalogue_ends_as_the_rules_say_in_redis_in_the_summary_and_on_the_topic(shop, catalogue, settings):
    id_type, products = catalogue
    shop.rules = Rules(settings["limit"], MissingKeyPolicy(settings["policy"]))
    shop.batch_size, shop.max_ranges = settings["batch_size"], settings["max_ranges"]
    shop.fill(id_type, products)
    redis, expected, events = model(products, settings)

    summary = run(shop, settings)

    lives = {i: mortal and isinstance(cached, bytes) for i, (_, cached, mortal) in products.items()}
    assert shop.counters(products) == {i: (redis[i], lives[i]) for i in products}
    assert {name: summary[name] for name in expected} == expected
    delivered = [CODEC.decode(message.copy()[0]) for message in shop.topic_of_this_run.delivered]
    told = {e["productId"]: (e["dbStock"], e["redisStock"], e["severity"], e["action"]) for e in delivered}
    assert told == events
    assert len(delivered) == len(events) == len({e["eventId"] for e in delivered})
    assert all(e["discrepancy"] == e["dbStock"] - e["redisStock"] for e in delivered)
    assert len(shop.ranges()) <= settings["max_ranges"]
    assert shop.cache.keys("sync:stock:2*") == shop.cache.keys("sync:stock:outbox*") == []

    held = shop.counters(products)
    again = run(shop, settings)

    assert shop.counters(products) == held, "a run with nothing changed wrote something"
    if not settings["dry_run"]:
        assert (again["restored"], again["matched"]) == (0, summary["matched"] + summary["restored"])
