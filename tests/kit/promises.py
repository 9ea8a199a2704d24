"""The promises of docs/reliability.md, held against stores, topic and summary after a run, whatever was killed."""

from tests.kit.oracle import ACTION, FATES, SEVERITIES, counted, fates_of, outcome_of
from tests.kit.whole_cluster import lock_key

PARTS = (*FATES, "changed", "unprocessed")


def assert_promises(shop, rows, summary, *, complete=True):
    """Hold the stores, the topic and the summary against what the rows should have become.

    Args:
        shop: where to look
        rows: (id, ledger, cache) as they were before the run
        summary: what the run says of itself
        complete: whether the run did all of its work; if not, whatever it did must still be right and counted
    """
    fates = fates_of(rows)
    events = logical_events(shop, summary["run_id"])
    _assert_events(fates, events, complete=complete)
    _assert_counters(shop, rows, fates, events)
    _assert_summary(rows, fates, events, summary, complete=complete)
    assert shop.cache.keys("sync:stock:*outbox*") == [], "the outbox is not empty"
    assert shop.cache.get(lock_key(shop.cache, summary["date"])) is None, "the lock is still held"


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


def _assert_events(fates, events, *, complete):
    due = {product_id: fate.told for product_id, fate in fates.items() if fate.action}
    told = {i: (e["dbStock"], e["redisStock"], e["severity"], e["action"]) for i, e in events.items()}
    assert told.items() <= due.items(), "an event tells of what should not have been done"
    assert all(event["discrepancy"] == event["dbStock"] - event["redisStock"] for event in events.values())
    if complete:
        assert told == due, "an event is missing"


def _assert_counters(shop, rows, fates, events):
    """What an event says was restored holds the ledger's stock, everything else what it held before."""
    held = shop.cache.mget([f"{shop.prefix}{product_id}" for product_id, _, _ in rows])
    for (product_id, ledger, cached), value in zip(rows, held, strict=True):
        restored = events.get(product_id, {}).get("action") == ACTION["restored"]
        wanted = str(ledger) if restored else None if cached is None else str(cached)
        assert (None if value is None else value.decode()) == wanted, (
            f"{product_id} ({fates[product_id].name}) holds another value"
        )


def _assert_summary(rows, fates, events, summary, *, complete):
    due = counted(fates)
    if complete:
        assert {name: summary[name] for name in due} == due
        ended = outcome_of(fates, [cached for _, _, cached in rows])
        assert (summary["status"], summary["changed"], summary["unprocessed"]) == (ended, 0, 0)
    else:
        assert summary["status"] == "failed"
        assert all(summary[name] <= due[name] for name in FATES)
    actions, severities = ([event[name] for event in events.values()] for name in ("action", "severity"))
    for name, action in ACTION.items():
        assert summary[name] == actions.count(action), "the summary and the events differ"
    assert summary["by_severity"] == {name: severities.count(name) for name in SEVERITIES}
    assert summary["total"] == len(rows) == sum(summary[part] for part in PARTS)
