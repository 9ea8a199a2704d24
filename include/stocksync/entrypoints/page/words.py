"""The page's texts in the reader's language, and how it writes numbers, times and foreign names."""

import tomllib
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from stocksync.model.text import printable

LANGUAGES = ("ko", "en")
FILTERS = ("risk", "when", "age", "seconds", "number", "signed", "name")
"""What of a reader's words the templates call as filters."""
_LONGEST_NAME = 300


@cache
def texts(language: str) -> Mapping[str, Any]:
    """Return every text of a language: messages/{language}/page.toml, a table a part of the page."""
    return tomllib.loads((files("stocksync") / "messages" / language / "page.toml").read_text("utf-8"))


def language_of(cookie: str | None, accepted: str, otherwise: str) -> str:
    """Choose a language: the UI's, which the page's script keeps in a cookie, then the browser's, then the setting."""
    if cookie in LANGUAGES:
        return str(cookie)
    wanted = [part.partition(";")[0].strip()[:2].lower() for part in accepted.split(",")]
    return next((language for language in wanted if language in LANGUAGES), otherwise)


class PageWords:
    """Fills texts in for one reader.

    Args:
        language: one of LANGUAGES
        zone: the time zone of everything that is shown
        now: local time
    """

    def __init__(self, language: str, zone: ZoneInfo, now: datetime) -> None:
        self.language = language
        self._zone = zone
        self._now = now

    def text(self, key: str, **values: object) -> str:
        """Return the text `table.name`, its {fields} filled in; whole numbers get their thousands separated."""
        table, name = key.split(".")
        shown = {k: f"{v:,}" if isinstance(v, int) else v for k, v in values.items()}
        return str(texts(self.language)[table][name]).format(**shown)

    def table(self, name: str) -> Mapping[str, str]:
        """Return a whole table, for the page's script."""
        return dict(texts(self.language)[name])

    def risk(self, discrepancy: int) -> str:
        """Say what a difference means for the shop."""
        if discrepancy == 0:
            return self.text("risk.none")
        return self.text("risk.oversold" if discrepancy < 0 else "risk.unsold", n=abs(discrepancy))

    def when(self, moment: datetime | None) -> str:
        """Write a moment, without its year if it is this one."""
        if moment is None:
            return "-"
        local = moment.astimezone(self._zone)
        return local.strftime("%m-%d %H:%M" if local.year == self._now.year else "%Y-%m-%d %H:%M")

    def age(self, moment: datetime | None) -> str:
        """Write how long ago something was, roughly."""
        if moment is None:
            return "-"
        hours = int((self._now - moment).total_seconds() // 3600)
        if hours < 1:
            return self.text("age.now")
        return self.text("age.hours", n=hours) if hours < 48 else self.text("age.days", n=hours // 24)  # noqa: PLR2004

    def seconds(self, seconds: float) -> str:
        """Write a duration."""
        if seconds < 60:  # noqa: PLR2004
            return self.text("age.seconds", n=f"{seconds:.1f}" if seconds < 10 else f"{seconds:.0f}")  # noqa: PLR2004
        return self.text("age.minutes", m=int(seconds // 60), s=int(seconds % 60))

    def number(self, number: int | None) -> str:
        """Write a number as people read it."""
        return "-" if number is None else f"{number:,}"

    def signed(self, number: int | None) -> str:
        """Write a difference with its sign."""
        return "-" if number is None else f"{number:+,}"

    def name(self, text: str) -> str:
        """Write a foreign name on one line, without characters that nobody sees."""
        return printable(str(text), _LONGEST_NAME)
