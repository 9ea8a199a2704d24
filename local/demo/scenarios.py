"""The two scenarios the specification tells, found again in what a day did."""

from collections.abc import Mapping, Sequence
from typing import Any

from local.demo.catalogue import Product
from local.demo.checks import Check, first_few

RESTARTED, BUG = "(scenario 1)", "(scenario 2)"


def check_scenarios(
    products: Sequence[Product],
    events: Sequence[Mapping[str, Any]],
    slack: Sequence[Mapping[str, Any]] | None,
    pagerduty: Sequence[Mapping[str, Any]] | None,
) -> list[Check]:
    """Check what the specification says of each: 100 small differences restored; one large one, and people called.

    Args:
        products: the catalogue.
        events: what was found.
        slack: what was posted; None: nobody can tell.
        pagerduty: who was called for; None: nobody can tell.
    """
    found = {event["productId"]: f"{event['severity']} {event['action']}" for event in events}
    small = [product.id for product in products if product.story.endswith(RESTARTED)]
    large = [product.id for product in products if product.story.endswith(BUG)]
    first = [f"{id_}: {found.get(id_)}" for id_ in small if found.get(id_) != "LOW REDIS_RESTORED"]
    second = [f"{id_}: {found.get(id_)}" for id_ in large if found.get(id_) != "CRITICAL MANUAL_REVIEW_REQUIRED"]
    for id_ in large:
        if slack is not None and not any(id_ in message["text"].split() for message in slack):
            second.append(f"{id_}: no Slack message names it")
        if pagerduty is not None and not any(event["dedup_key"].endswith(f"/{id_}") for event in pagerduty):
            second.append(f"{id_}: nobody was called")
    return [
        Check(f"scenario 1, Redis restarted: {len(small)} products off by 1-5, restored, LOW", first_few(first)),
        Check(
            f"scenario 2, a bug: {', '.join(large)} off by 80, left to a person, CRITICAL, people called",
            first_few(second),
        ),
    ]
