"""Good or bad, in one look: what the page says first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

RUN_HOUR = 2
"""When a night's run begins, local time."""


class Mood(StrEnum):
    """How much of a person's attention is asked for."""

    GOOD = "good"
    ATTENTION = "attention"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Headline:
    """What a page says first.

    Attributes:
        mood: how it looks
        says: which sentence: none, late, failed, mass_loss, partial, critical, open, good
    """

    mood: Mood
    says: str


def due(now: datetime, allowed: timedelta) -> date:
    """Return the date whose run should have ended.

    Args:
        now: local time
        allowed: how long after its beginning a run may still be at work
    """
    begins = now.replace(hour=RUN_HOUR, minute=0, second=0, microsecond=0)
    return now.date() if now >= begins + allowed else now.date() - timedelta(days=1)


def lost_many(night: Mapping[str, Any]) -> bool:
    """Tell whether a run says that the cache had lost its keys, all or many of them."""
    summary = night["summary"] or {}
    return bool(summary.get("mass_loss") or summary.get("empty_cache"))


def headline(nights: Sequence[Mapping[str, Any]], awake: int, critical: int, expected: date) -> Headline:
    """Judge the latest night and what is open; the worst is said.

    Args:
        nights: runs of the whole catalogue, newest first
        awake: open cases that wait for a person
        critical: how many of them are CRITICAL
        expected: the date whose run should have ended
    """
    if not nights:
        return Headline(Mood.ATTENTION, "none")
    last = nights[0]
    judged = (
        (last["run_date"] < expected, Mood.BAD, "late"),
        (lost_many(last), Mood.BAD, "mass_loss"),
        (last["status"] == "failed", Mood.BAD, "failed"),
        (last["status"] == "partial", Mood.BAD, "partial"),
        (critical > 0, Mood.BAD, "critical"),
        (awake > 0, Mood.ATTENTION, "open"),
    )
    return next((Headline(mood, says) for holds, mood, says in judged if holds), Headline(Mood.GOOD, "good"))
