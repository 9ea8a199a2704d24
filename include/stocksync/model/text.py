"""Showing foreign text to people without letting it act."""

_SHOWN, _NAME = 80, 40
"""Characters shown of a text, and of a product's name."""


def printable(text: str, limit: int = _SHOWN) -> str:
    """Make a product id or an error text safe for a log line: one line, no control or direction characters.

    Args:
        text: anything
        limit: characters shown, escapes included; a longer text is cut and says so
    """
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[: limit + 1])
    return shown if len(shown) <= limit else f"{shown[:limit]}… ({len(text)} characters)"


def product_name(name: str) -> str:
    """Make what the ledger calls a product safe to stand beside its id; empty: nobody says."""
    return printable(name, _NAME)


def labelled(product_id: str, name: str) -> str:
    """Return the id, and the name where there is one, of a product whose id and name are safe to print."""
    return f"{product_id} ({name})" if name else product_id
