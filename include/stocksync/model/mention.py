"""What in a text makes Slack call somebody, as opposed to what looks like it."""

import re
from collections.abc import Iterator

_CALL = re.compile(r"<!subteam\^S[A-Z0-9]+(?:\|[^<>|&\n]*)?>|<@[UW][A-Z0-9]+>|<!(?:here|channel)>")
_FORMATS = set("*_~`")


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Cut a text into pieces, each with whether it calls somebody."""
    end = 0
    for call in _CALL.finditer(text):
        if call.start() > end:
            yield text[end : call.start()], False
        yield call.group(), True
        end = call.end()
    if end < len(text):
        yield text[end:], False


def calls_somebody(text: str) -> bool:
    """Whether Slack notifies anybody of a message that has this text as markup."""
    return _CALL.search(text) is not None


def checked(text: str) -> str:
    """Return a text in which nothing acts but calls.

    Raises:
        ValueError: it has a mistyped call, a link, formatting beside a call, or more than one line.
    """
    plain = "".join(piece for piece, calls in pieces(text) if not calls)
    if not text.isprintable() or set(plain) & {"<", ">"} or (calls_somebody(text) and set(plain) & _FORMATS):
        raise ValueError
    return text
