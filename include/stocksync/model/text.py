"""Showing foreign text to people without letting it act."""

_SHOWN = 80


def printable(text: str, limit: int = _SHOWN) -> str:
    """Make a product id or an error text safe for a log line: one line, no control or direction characters.

    Args:
        text: anything
        limit: characters shown, escapes included; a longer text is cut and says so
    """
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[: limit + 1])
    return shown if len(shown) <= limit else f"{shown[:limit]}… ({len(text)} characters)"
