"""Thirty nights that never were, so that the page has something to show: every run of them is named `example__`."""

import json
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from psycopg2.extensions import connection as PostgresConnection  # noqa: N812 - it is a class
from psycopg2.extras import execute_values

PREFIX = "example__"
"""What the ids of made-up runs begin with; the page says so wherever it shows one."""
NIGHTS = 30
_SEED = 20240115
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "stock.sync.example")
_HARD_NIGHT = 9
"""Nights ago, the cache had lost a part of its keys."""
_SHORT_NIGHT = 17
"""Nights ago, the time limit came first."""


@dataclass(frozen=True, slots=True)
class ExampleFinding:
    """A difference that was never found."""

    product_id: str
    ledger: int
    redis: int
    cause: str
    key_missing: bool = False

    @property
    def discrepancy(self) -> int:
        """As in an event."""
        return self.ledger - self.redis

    @property
    def severity(self) -> str:
        """By the default rules."""
        size = abs(self.discrepancy)
        return "LOW" if size <= 5 else "MEDIUM" if size <= 10 else "HIGH" if size <= 50 else "CRITICAL"  # noqa: PLR2004

    @property
    def restored(self) -> bool:
        """Whether the default limit lets it be restored."""
        return self.severity in {"LOW", "MEDIUM"}


def make_up(connection: PostgresConnection, last: date, zone: ZoneInfo, nights: int = NIGHTS) -> int:
    """Write the nights up to a date into an operations store; return how many findings they have.

    The last of them left nothing open, so that whatever is open was really found.

    Args:
        connection: of a role that may insert; everything is written in one transaction
        last: the date of the latest
        zone: of the schedule
        nights: how many
    """
    dice = random.Random(_SEED)  # noqa: S311 - it makes up numbers
    runs, findings = [], []
    for ago in reversed(range(nights)):
        day = last - timedelta(days=ago)
        found = list(_found(dice, ago))
        runs.append(_run(day, zone, dice, found, ago))
        findings += [_finding(day, zone, each) for each in found]
    with connection, connection.cursor() as cursor:
        execute_values(cursor, f"INSERT INTO runs ({', '.join(runs[0])}) VALUES %s", [tuple(r.values()) for r in runs])  # noqa: S608 - our own names
        names = ", ".join(findings[0])
        execute_values(cursor, f"INSERT INTO findings ({names}) VALUES %s", [tuple(f.values()) for f in findings])  # noqa: S608 - as above
        cursor.executemany(
            "INSERT INTO filled (run_id, events) VALUES (%s, %s)",
            [(run["run_id"], run["restored"] + run["manual_review"]) for run in runs],
        )
    return len(findings)


def _found(dice: random.Random, ago: int) -> Iterator[ExampleFinding]:
    """Make up what a night found: mostly a little, and all of it is well by the last."""
    if ago == 0:
        return
    products = dice.sample(range(2000, 9999), 400)
    for product in products[: dice.randint(6, 22)]:
        stock = dice.randint(20, 300)
        yield ExampleFinding(
            f"PRD-{product:05}", stock, stock - dice.choice([-6, -3, -2, -1, 1, 2, 4, 7, 9]), "LOST_EVENT"
        )
    for product in products[30 : 30 + dice.choice([0, 0, 1, 1, 2, 4])]:
        stock = dice.randint(40, 300)
        off = dice.choice([-120, -64, -30, -18, 14, 22, 47, 80])
        yield ExampleFinding(f"PRD-{product:05}", stock, stock - off, dice.choice(["BUG", "RACE", "UNKNOWN"]))
    if ago == _HARD_NIGHT:
        for product in products[40:90]:
            yield ExampleFinding(f"PRD-{product:05}", dice.randint(11, 140), 0, "REDIS_LOSS", key_missing=True)


def _run(day: date, zone: ZoneInfo, dice: random.Random, found: list[ExampleFinding], ago: int) -> dict[str, Any]:
    began = datetime.combine(day, time(2), zone)
    seconds = round(dice.uniform(38, 64) + len(found) * 0.2, 1)
    total, unprocessed = 10_000, 3_200 if ago == _SHORT_NIGHT else 0
    restored = sum(each.restored for each in found)
    status = "partial" if unprocessed else "complete"
    severities = [each.severity for each in found]
    counted = {name: severities.count(name) for name in ("LOW", "MEDIUM", "HIGH", "CRITICAL")}
    summary = {"by_severity": counted, "matched": total - unprocessed - len(found), "missing_ignored": 0}
    return {
        "run_id": f"{PREFIX}{day}",
        "run_date": day,
        "run_type": "scheduled",
        "dry_run": False,
        "status": status,
        "started_at": began,
        "finished_at": began + timedelta(seconds=seconds),
        "duration_s": seconds,
        "total": total,
        "restored": restored,
        "manual_review": len(found) - restored,
        "changed": 0,
        "invalid": 0,
        "unprocessed": unprocessed,
        "missing_keys": sum(each.key_missing for each in found),
        "complete_catalogue": True,
        "summary": json.dumps(summary),
    }


def _finding(day: date, zone: ZoneInfo, found: ExampleFinding) -> dict[str, Any]:
    at = datetime.combine(day, time(2), zone) + timedelta(seconds=20)
    return {
        "event_id": str(uuid.uuid5(_NAMESPACE, f"{day} {found.product_id}")),
        "product_id": found.product_id,
        "db_stock": found.ledger,
        "redis_stock": found.redis,
        "discrepancy": found.discrepancy,
        "severity": found.severity,
        "action": "REDIS_RESTORED" if found.restored else "MANUAL_REVIEW_REQUIRED",
        "key_missing": found.key_missing,
        "cause": found.cause,
        "reason": "a made-up example",
        "detected_at": at,
        "run_id": f"{PREFIX}{day}",
        "run_date": day,
        "first_seen": at,
        "nights": 1,
    }
