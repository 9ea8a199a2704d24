"""From a template and what was read to an answer, in the reader's language."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from stocksync.entrypoints.page.words import FILTERS, PageWords, language_of
from stocksync.errors import BadSetting
from stocksync.model.address import PREFIX, segment
from stocksync.settings import Settings

COOKIE = "stock_sync_language"


class Shown:
    """Fills in the page's templates; everything that is filled in is escaped.

    Args:
        templates: their folder
    """

    def __init__(self, templates: Path) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(templates),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {"segment": segment, **{name: _said(name) for name in FILTERS}}

    @staticmethod
    def now(settings: Settings) -> datetime:
        """Return the local time."""
        return datetime.now(settings.zone)

    def page(self, template: str, request: Request, *, status: int = 200, **fields: object) -> HTMLResponse:
        """Answer with a page."""
        try:
            settings = Settings.load()
        except BadSetting:  # the page that says so needs a language and a time zone too
            settings = Settings.for_parsing()
        accepted = request.headers.get("accept-language", "")
        language = language_of(request.cookies.get(COOKIE), accepted, settings.locale)
        now = self.now(settings)
        words = PageWords(language, settings.zone, now)
        html = self._environment.get_template(template).render(
            words=words,
            t=words.text,
            script_words=words.table("script"),
            language=language,
            up=_up(request),
            zone=settings.timezone,
            tomorrow=now.date() + timedelta(days=1),
            **({"decides": False} | fields),
        )
        return HTMLResponse(html, status)


def _up(request: Request) -> str:
    """Return the way from this address to the page's beginning; an id may hold any number of encoded slashes."""
    path = bytes(request.scope.get("raw_path") or request.url.path.encode()).decode("ascii", "replace")
    below = path.partition(f"/{PREFIX}/")[2]
    return "../" * below.count("/") or "./"


def _said(name: str) -> Callable[..., str]:
    """Make a filter that asks the reader's words; the templates are the same for every reader."""

    @pass_context
    def ask(context: Context, value: object) -> str:
        said: str = getattr(context["words"], name)(value)
        return said

    return ask
