"""The note of a run in Airflow's UI, which takes it for Markdown."""

import re

_BEGINS = "**stock-sync**"
_ACTS = re.compile(r"[\\`*\[\]<>~!|#&]|(?<![A-Za-z0-9_])_+|_+(?![A-Za-z0-9_])")


def with_ours(note: str | None, ours: str) -> str:
    """Put what we say below what a person wrote, in place of what we said before.

    Args:
        note: the note as it is
        ours: a text in which nothing shall act; empty: we say nothing
    """
    theirs = (note or "").partition(_BEGINS)[0].rstrip()
    said = [_BEGINS, *map(plain, ours.splitlines())] if ours else []
    return "\n\n".join(filter(None, (theirs, *said)))


def plain(text: str) -> str:
    """Make Markdown show a text as it is; a name like product_ids is one without help."""
    return _ACTS.sub(lambda found: "".join(f"\\{each}" for each in found[0]), text)
