"""What a person may ask a run for. Pure: the params come in, what they mean or a refusal in words comes out."""

from collections.abc import Sequence

from stocksync.errors import RefusedRequest


def asked_products(product_ids: Sequence[str] | None) -> list[str] | None:
    """Say which products a run was asked for, each once; None: all.

    Blank lines are dropped. A list in which nothing is left is refused: somebody chose products and named none, and
    that must not become a run over all of them.

    Args:
        product_ids: param `product_ids`

    Raises:
        RefusedRequest: a list without a product
    """
    if product_ids is None:
        return None
    named = [product_id for product_id in dict.fromkeys(product_ids) if product_id.strip()]
    if not named:
        raise RefusedRequest(
            f"param 'product_ids': {list(product_ids)[:3]!r} names no product; allowed: at least one product id, or "
            "null (the form: the field left empty) for all products"
        )
    return named


def refuse_limit(limit: int, allowed: int, products: Sequence[str] | None) -> None:
    """Let a run over all products restore nothing larger than the deployment's setting.

    Args:
        limit: param `auto_restore_limit`
        allowed: setting STOCK_SYNC_AUTO_RESTORE_LIMIT
        products: the products the run was asked for; None: all

    Raises:
        RefusedRequest: the limit is below 0, or above the setting though no products were named
    """
    if limit < 0:
        raise RefusedRequest(f"param 'auto_restore_limit': {limit:,} is below 0; allowed: 0 to {allowed:,}")
    if limit > allowed and products is None:
        raise RefusedRequest(
            f"param 'auto_restore_limit': {limit:,} is above STOCK_SYNC_AUTO_RESTORE_LIMIT={allowed}; allowed: 0 to "
            f"{allowed:,}, or more together with 'product_ids', which names the products that may be restored that far"
        )
