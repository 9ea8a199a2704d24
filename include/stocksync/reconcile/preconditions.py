"""What must hold before a run writes anything. Pure: what was found comes in, a refusal or a warning comes out."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stocksync.errors import BadSetting, RefusedRequest
from stocksync.model.holds import vanished
from stocksync.model.text import printable

_SHOWN = 10


def chosen_products(asked: Sequence[str], spelled: Mapping[str, str]) -> list[str]:
    """Return the chosen products as the ledger spells them, each once.

    Args:
        asked: param `product_ids`
        spelled: how the ledger spells each of them; one that it does not have is not there

    Raises:
        RefusedRequest: some are not in the ledger
    """
    strangers = sorted({product_id for product_id in asked if product_id not in spelled})
    if strangers:
        shown = ", ".join(repr(printable(product_id)) for product_id in strangers[:_SHOWN])
        raise RefusedRequest(
            f"param 'product_ids': {len(strangers)} of them are not in the ledger: {shown}; allowed: ids of products"
        )
    return list(dict.fromkeys(spelled[product_id] for product_id in asked))


def warn_of_several_rows(source: str, several: int, example: str, products: int) -> str:
    """Say that products have several rows; empty if none has.

    Such a product is counted as invalid and never restored. Where most are like that, the table is none of products.

    Args:
        source: the settings that name the ledger, with their values
        several: products with several rows
        example: the id of one of them
        products: products in all

    Raises:
        BadSetting: more than half of the products have several rows
    """
    if not several:
        return ""
    said = (
        f"{source}: {several:,} of {products:,} products have several rows, for example {printable(example)!r}; "
        "allowed: one row a product, for example a view with SELECT id, sum(stock) AS stock … GROUP BY id"
    )
    if 2 * several > products:
        raise BadSetting(f"{said}. Nothing was compared or written")
    return f"{said}. They are counted as invalid and never restored"


def last_total(summaries: Iterable[Mapping[str, Any]]) -> int:
    """Return how many products the latest run over the whole ledger saw; 0 if none is known.

    Args:
        summaries: what runs told of themselves, the latest first
    """
    return next((int(told.get("total", 0)) for told in summaries if told.get("whole_ledger", True)), 0)


def last_held_units(summaries: Iterable[Mapping[str, Any]]) -> int:
    """Return how many units were on hold in the latest run over the whole ledger that counts; 0 if none is known.

    A person who has looked and found that there are no holds any more says so by a dry run by hand.

    Args:
        summaries: what runs told of themselves, the latest first
    """
    counting = (
        told
        for told in summaries
        if told.get("whole_ledger", True) and (not told.get("dry_run") or told.get("run_type") == "manual")
    )
    return next((int(told.get("held_units", 0)) for told in counting), 0)


def warn_of_vanished_holds(index: str, entries: int, units_before: int) -> str:
    """Say that there are no holds though there were some; empty if that is not so.

    Args:
        index: the key of the holds
        entries: how many there are now
        units_before: how many units were on hold in the latest run that counts
    """
    if not vanished(entries, had_holds=units_before > 0):
        return ""
    return (
        f"THE HOLDS ARE GONE: STOCK_SYNC_HOLDS_INDEX={printable(index)!r} has no entry, and the run before saw "
        f"{units_before:,} units on hold: no counter is raised. If there is nothing on hold any more, trigger a dry run"
    )


def warn_of_no_keys(prefix: str, tried: int) -> str:
    """Say that no product has a key; empty if some has.

    Args:
        prefix: what a key has before the product id
        tried: products that were tried, if none of them had a key
    """
    if not tried:
        return ""
    return (
        f"NO PRODUCT HAS A KEY IN REDIS: none of {tried:,} that were tried. It was flushed, or connection stock_redis "
        f"or STOCK_SYNC_KEY_PREFIX={prefix!r} is not where the shop's counters are"
    )


def has_shrunk(products: int, before: int) -> bool:
    """Tell whether the ledger has less than half of the products that the latest run over all of it saw."""
    return 2 * products < before


def warn_of_missing_products(source: str, products: int, before: int) -> str:
    """Say that there are far fewer products than before; empty if there are not.

    Args:
        source: the settings that name the ledger, with their values
        products: products in the ledger
        before: how many the latest run over the whole ledger saw

    Raises:
        BadSetting: there are none, and there were some before
    """
    check = "Check the table, connection product_db and its role's row level security"
    if not products and before:
        raise BadSetting(
            f"{source} is EMPTY, and the run before saw {before:,} products: nothing was compared or written. {check}"
        )
    if not products:
        return f"THE LEDGER IS EMPTY: {source} has no product; there is nothing to compare"
    if has_shrunk(products, before):
        return (
            f"THE LEDGER HAS SHRUNK BY MORE THAN HALF: {source} has {products:,} products, the run before saw "
            f"{before:,}; the others are not compared. {check}"
        )
    return ""
