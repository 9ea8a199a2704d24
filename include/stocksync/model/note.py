"""The note of a run in Airflow's UI, which takes it for Markdown and shows its first line beside the run."""

import re

_OURS = " (stock-sync)"
"""Ends each of our paragraphs: everything else is somebody's own."""
_ACTS = re.compile(r"[\\`*\[\]<>~!|#&]|(?<![A-Za-z0-9_])_+|_+(?![A-Za-z0-9_])")


def with_ours(note: str | None, ours: str) -> str:
    """Put what we say above what people wrote, in place of what we said before.

    Args:
        note: the note as it is
        ours: a text in which nothing shall act, each line of it a paragraph; empty: we say nothing
    """
    theirs = [paragraph for paragraph in (note or "").split("\n\n") if not paragraph.endswith(_OURS)]
    said = [plain(line) + _OURS for line in ours.splitlines()]
    return "\n\n".join(filter(None, (*said, *theirs)))


def plain(text: str) -> str:
    """Make Markdown show a text as it is; a name like product_ids is one without help."""
    return _ACTS.sub(lambda found: "".join(f"\\{each}" for each in found[0]), text)
