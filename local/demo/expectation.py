"""What a night should make of a catalogue, worked out in the plainest way from the specification's table.

It shares no line with the product, so that one can be held against the other.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.demo.catalogue import Counter, Product

WHOLE_NUMBER = re.compile(rb"(0|-?[1-9][0-9]*)")
INT32 = range(-(2**31), 2**31)
TOP = 10


@dataclass(frozen=True)
class Expectation:
    """What should be there after a run.

    Attributes:
        summary: the run summary, without what depends on the clock.
        alerts: the events, without what depends on the clock, by product id.
        cache: what Redis should hold for each product.
    """

    summary: dict[str, Any]
    alerts: list[dict[str, Any]]
    cache: Mapping[str, Counter | None]

    def to_dict(self) -> dict[str, Any]:
        """As JSON: the summary's own fields, and the events."""
        return self.summary | {"alerts": self.alerts}


def expect(products: Sequence[Product]) -> Expectation:
    """Work out a run over `products` that nobody disturbs, with every setting at its default."""
    alerts, cache, invalid, missing = [], {}, 0, 0
    for product in products:
        cached = _number(product.counter)
        missing += product.counter is None
        invalid += cached is None
        alert = _alert(product, cached) if cached not in {None, product.stock} else None
        if alert:
            alerts.append(alert)
        restored = alert is not None and alert["action"] == "REDIS_RESTORED"
        cache[product.id] = _restored(product) if restored else product.counter
    alerts.sort(key=lambda alert: str(alert["productId"]))
    return Expectation(_summary(len(products), alerts, invalid, missing), alerts, cache)


def _number(counter: Counter | None) -> int | None:
    """Read a counter; a missing one is 0, None stands for what is no number."""
    if counter is None:
        return 0
    if isinstance(counter.value, tuple) or not WHOLE_NUMBER.fullmatch(counter.value):
        return None
    return int(counter.value) if int(counter.value) in INT32 else None


def _alert(product: Product, cached: int) -> dict[str, Any]:
    discrepancy = product.stock - cached
    size = abs(discrepancy)
    severity = "LOW" if size <= 5 else "MEDIUM" if size <= 10 else "HIGH" if size <= 50 else "CRITICAL"  # noqa: PLR2004
    return {
        "productId": product.id,
        "dbStock": product.stock,
        "redisStock": cached,
        "discrepancy": discrepancy,
        "action": "REDIS_RESTORED" if size <= 10 else "MANUAL_REVIEW_REQUIRED",  # noqa: PLR2004
        "severity": severity,
    }


def _restored(product: Product) -> Counter:
    return Counter(str(product.stock).encode(), product.counter.ttl if product.counter else None)


def _summary(total: int, alerts: list[dict[str, Any]], invalid: int, missing: int) -> dict[str, Any]:
    restored = sum(alert["action"] == "REDIS_RESTORED" for alert in alerts)
    sizes = [abs(alert["discrepancy"]) for alert in alerts]
    largest = sorted(alerts, key=lambda alert: (-abs(alert["discrepancy"]), alert["productId"]))[:TOP]
    return {
        "dry_run": False,
        "status": "complete",
        "total": total,
        "matched": total - len(alerts) - invalid,
        "restored": restored,
        "manual_review": len(alerts) - restored,
        "changed": 0,
        "invalid": invalid,
        "unprocessed": 0,
        "by_severity": {
            name: sum(alert["severity"] == name for alert in alerts) for name in ("LOW", "MEDIUM", "HIGH", "CRITICAL")
        },
        "mean_discrepancy": round(sum(sizes) / len(sizes), 2) if sizes else 0.0,
        "max_discrepancy": max(sizes, default=0),
        "max_discrepancy_product": largest[0]["productId"] if largest else None,
        "top": [
            {
                "product_id": alert["productId"],
                "db": alert["dbStock"],
                "redis": alert["redisStock"],
                "discrepancy": alert["discrepancy"],
                "severity": alert["severity"],
                "action": alert["action"],
            }
            for alert in largest
        ],
        "missing_keys": missing,
    }
