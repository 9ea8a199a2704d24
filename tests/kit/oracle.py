"""What must hold after any run, whatever was killed. It shares no code with the program: the rules are here again."""

import re

NUMBER = re.compile(r"(0|-?[1-9]\d*)")
INT32 = range(-(2**31), 2**31)
ACTION = {"restored": "REDIS_RESTORED", "manual_review": "MANUAL_REVIEW_REQUIRED"}


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


def severity(discrepancy):
    size = abs(discrepancy)
    return "LOW" if size <= 5 else "MEDIUM" if size <= 10 else "HIGH" if size <= 50 else "CRITICAL"


def assert_promises(shop, rows, summary, *, complete=True):
    """Hold the stores, the topic and the summary against what the rows should have become.

    Args:
        shop: where to look
        rows: (id, ledger, cache) as they were before the run
        summary: what the run says of itself
        complete: whether the run did all of its work; if not, whatever it did must still be right and counted
    """
    was = {product_id: (ledger, cached) for product_id, ledger, cached in rows}
    fates = expected(rows)
    events = logical_events(shop, summary["run_id"])

    told = {product_id: event["action"] for product_id, event in events.items()}
    due = {product_id: ACTION[fate] for product_id, fate in fates.items() if fate in ACTION}
    assert told.items() <= due.items(), "an event tells of what should not have been done"
    if complete:
        assert told == due, "an event is missing"
    for product_id, event in events.items():
        ledger, cached = was[product_id]
        difference = ledger - int(cached or 0)
        told_of = (event["dbStock"], event["redisStock"], event["discrepancy"], event["severity"])
        assert told_of == (ledger, int(cached or 0), difference, severity(difference))

    held = shop.cache.mget([f"{shop.prefix}{product_id}" for product_id in was])
    for (product_id, (ledger, cached)), value in zip(was.items(), held, strict=True):
        restored = told.get(product_id) == ACTION["restored"]
        wanted = str(ledger) if restored else None if cached is None else str(cached)
        assert (None if value is None else value.decode()) == wanted, (
            f"{product_id} ({fates[product_id]}) holds another value"
        )

    counted = {fate: list(fates.values()).count(fate) for fate in ("matched", "restored", "manual_review", "invalid")}
    if complete:
        assert {fate: summary[fate] for fate in counted} == counted
        assert (summary["status"], summary["changed"], summary["unprocessed"]) == ("complete", 0, 0)
    else:
        assert summary["status"] == "failed"
        assert all(summary[fate] <= counted[fate] for fate in counted)
    for fate, action in ACTION.items():
        assert summary[fate] == list(told.values()).count(action), "the summary and the events differ"
    parts = ("matched", "restored", "manual_review", "changed", "invalid", "unprocessed")
    assert summary["total"] == len(rows) == sum(summary[part] for part in parts)
    severities = [event["severity"] for event in events.values()]
    assert summary["by_severity"] == {name: severities.count(name) for name in ("LOW", "MEDIUM", "HIGH", "CRITICAL")}

    assert shop.cache.keys("sync:stock:outbox*") == [], "the outbox is not empty"
    assert shop.cache.get(f"sync:stock:{summary['date']}") is None, "the lock is still held"


def logical_events(shop, run_id):
    """The events of a run by product: all copies of one are the same bytes, and a product has one."""
    events, by_id = {}, {}
    for copy in shop.copies():
        if copy.headers["stock-sync-run-id"] == run_id:
            first = by_id.setdefault(copy.event["eventId"], copy)
            assert (first.value, first.headers) == (copy.value, copy.headers), "two copies of one event differ"
            assert events.setdefault(copy.event["productId"], copy.event) == copy.event, "a product has two events"
            assert copy.key == copy.event["productId"].encode()
    return events
