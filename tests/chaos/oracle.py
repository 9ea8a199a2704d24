"""What must hold after any run, whatever was killed. It shares no code with the program: the rules are here again."""

import re

NUMBER = re.compile(r"(0|-?[1-9]\d*)")
INT32 = range(-(2**31), 2**31)


def expected(rows, limit=10):
    """Work out from (id, ledger, cache) rows what becomes of each product that nobody touches meanwhile."""
    fates = {}
    for product_id, ledger, cached in rows:
        value = "0" if cached is None else str(cached)
        if (
            ledger is None
            or ledger not in INT32
            or ledger < 0
            or not NUMBER.fullmatch(value)
            or int(value) not in INT32
        ):
            fate = "invalid"
        elif int(value) == ledger:
            fate = "matched"
        else:
            fate = "restored" if abs(ledger - int(value)) <= limit else "manual_review"
        fates[product_id] = fate
    return fates


def assert_promises(shop, rows, summary):
    """Hold the stores, the topic and the summary against what the rows should have become."""
    fates = expected(rows)
    was = {product_id: (ledger, cached) for product_id, ledger, cached in rows}

    for product_id, fate in fates.items():
        ledger, cached = was[product_id]
        wanted = str(ledger) if fate == "restored" else cached if cached is None else str(cached)
        assert shop.counter(product_id) == wanted, f"{product_id} ({fate}) holds another value"

    events = {}
    for copy in shop.copies():
        event = copy.event
        assert events.setdefault(event["productId"], copy).value == copy.value, "two copies of one event differ"
        assert copy.headers["stock-sync-run-id"] == summary["run_id"]
    action = {"restored": "REDIS_RESTORED", "manual_review": "MANUAL_REVIEW_REQUIRED"}
    assert {i: copy.event["action"] for i, copy in events.items()} == {
        i: action[fate] for i, fate in fates.items() if fate in action
    }
    for product_id, copy in events.items():
        ledger, cached = was[product_id]
        assert (copy.event["dbStock"], copy.event["redisStock"]) == (ledger, int(cached or 0))

    counted = {name: list(fates.values()).count(name) for name in ("matched", "restored", "manual_review", "invalid")}
    assert {name: summary[name] for name in counted} == counted
    assert (summary["total"], summary["changed"], summary["unprocessed"]) == (len(rows), 0, 0)
    assert sum(summary["by_severity"].values()) == counted["restored"] + counted["manual_review"]

    assert shop.cache.keys("sync:stock:outbox*") == [], "the outbox is not empty"
    assert shop.cache.get(f"sync:stock:{summary['date']}") is None, "the lock is still held"
