"""Hold what a night did against what the seeded data should give."""

from collections import Counter as Tally
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local.demo.catalogue import Counter
from local.demo.events import Received
from local.demo.expectation import Expectation

SHOWN = 5
A_SECOND = 1  # the summary's times are whole seconds
UNTIMED = ("productId", "dbStock", "redisStock", "discrepancy", "action", "severity")


@dataclass(frozen=True)
class Check:
    """One thing that was checked.

    Attributes:
        what: what should hold.
        differences: where it does not, in words; none if it does.
    """

    what: str
    differences: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether it holds."""
        return not self.differences


def check_summary(found: Mapping[str, Any], expected: Expectation) -> list[Check]:
    """Check that the run summary adds up and says what it should."""
    differences = [
        f"{name} is {found.get(name)!r}, should be {value!r}"
        for name, value in expected.summary.items()
        if found.get(name) != value
    ]
    parts = ("matched", "restored", "manual_review", "changed", "invalid", "unprocessed")
    whole = sum(found[part] for part in parts)
    handled, severities = found["restored"] + found["manual_review"], sum(found["by_severity"].values())
    adds_up = [f"total is {found['total']}, its parts give {whole}"] if found["total"] != whole else []
    adds_up += [f"restored and reviewed are {handled}, severities give {severities}"] if handled != severities else []
    return [
        Check("the summary says what the data should give", tuple(differences)),
        Check("the summary adds up", tuple(adds_up)),
    ]


def check_alerts(received: Sequence[Received], expected: Expectation) -> list[Check]:
    """Check that every discrepancy, and nothing else, is one event, however often it was sent."""
    copies: dict[str, set[bytes]] = {}
    for message in received:
        copies.setdefault(message.event["eventId"], set()).add(message.value)
    once = {message.event["eventId"]: message.event for message in received}.values()
    wanted = Tally(_facts(alert) for alert in expected.alerts)
    came = Tally(_facts(event) for event in once)
    keys = [f"{each.event['productId']} has key {each.key}" for each in received if each.key != each.event["productId"]]
    return [
        Check(
            f"{len(expected.alerts):,} discrepancies, one event each",
            first_few(
                [f"missing: {each}" for each in wanted - came] + [f"unexpected: {each}" for each in came - wanted]
            ),
        ),
        Check(
            "copies of an event are equal byte for byte",
            first_few(
                [f"{event} came as {len(values)} versions" for event, values in copies.items() if len(values) > 1]
            ),
        ),
        Check("every event has its product as key", first_few(keys)),
    ]


def check_times(received: Sequence[Received], summary: Mapping[str, Any]) -> Check:
    """Check that every difference was found while the run was at work."""
    begin, end = (datetime.fromisoformat(summary[name]).timestamp() for name in ("started_at", "finished_at"))
    wrong = [
        f"{each.event['productId']} at {datetime.fromtimestamp(each.event['detectedAt'] / 1000, UTC)}"
        for each in received
        if not begin - A_SECOND <= each.event["detectedAt"] / 1000 <= end + A_SECOND
    ]
    return Check("every event's time is within the run", first_few(wrong))


def check_cache(
    before: Mapping[str, Counter | None], after: Mapping[str, Counter], expected: Expectation, leftovers: Sequence[str]
) -> list[Check]:
    """Check that Redis holds what it should: restored what is small, untouched what is not, nothing left over."""
    restored = {id_ for id_, counter in expected.cache.items() if _value(counter) != _value(before[id_])}
    wrong = {
        id_: f"{id_} holds {_value(after.get(id_))!r}, should hold {_value(counter)!r}"
        for id_, counter in expected.cache.items()
        if _value(after.get(id_)) != _value(counter)
    }
    mortal = [id_ for id_, counter in expected.cache.items() if counter is not None and counter.ttl is not None]
    strangers = [f"{id_} is no product" for id_ in after if id_ not in expected.cache]
    own = {key: key.removeprefix("sync:stock:") for key in leftovers}
    pending = [f"{key} is still there" for key, name in own.items() if name[:4].isdigit() or name.startswith("outbox")]
    return [
        Check(
            f"{len(restored):,} restored counters equal the ledger",
            first_few([text for id_, text in wrong.items() if id_ in restored]),
        ),
        Check(
            f"{len(expected.cache) - len(restored):,} other counters are as the shop left them",
            first_few([text for id_, text in wrong.items() if id_ not in restored] + strangers),
        ),
        Check(f"{len(mortal)} expiring counters still expire", first_few(_immortal(mortal, after, expected))),
        Check("the run's lock is free and no event waits in an outbox", first_few(pending)),
    ]


def first_few(differences: Sequence[str]) -> tuple[str, ...]:
    """Keep the first differences and count the rest."""
    rest = len(differences) - SHOWN
    return (*differences[:SHOWN], *([f"and {rest} more"] if rest > 0 else []))


def _immortal(mortal: Sequence[str], after: Mapping[str, Counter], expected: Expectation) -> list[str]:
    kept = {id_: after[id_].ttl for id_ in mortal if id_ in after}
    wanted = {id_: expected.cache[id_] for id_ in mortal}
    return [
        f"{id_} lives {kept.get(id_)} s, should live at most {counter.ttl} s"
        for id_, counter in wanted.items()
        if counter is not None and not 0 < (kept.get(id_) or 0) <= (counter.ttl or 0)
    ]


def _facts(event: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(event[name] for name in UNTIMED)


def _value(counter: Counter | None) -> bytes | tuple[bytes, ...] | None:
    return counter.value if counter else None
