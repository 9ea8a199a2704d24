"""Slack: chat.postMessage, with its limits and its ways to say no."""

from collections.abc import Iterator
from http.client import HTTPException
from random import uniform
from typing import Any, Protocol

from slack_sdk.errors import SlackApiError, SlackRequestError
from slack_sdk.http_retry import HttpRequest, HttpResponse, RetryHandler, RetryState
from slack_sdk.http_retry.builtin_handlers import ConnectionErrorRetryHandler, RateLimitErrorRetryHandler
from slack_sdk.http_retry.builtin_interval_calculators import BackoffRetryIntervalCalculator
from slack_sdk.http_retry.jitter import Jitter

from stocksync.errors import ChannelDown, ChannelRefuses, MessageRefused
from stocksync.model.address import deep_link
from stocksync.model.mention import calls_somebody, pieces
from stocksync.model.notice import Message, Place

_RETRIES = 4
_LONGEST_WAIT = 90
_SECTION = 2900  # Slack takes 3000 characters
_HEADER = 150
_BLOCKS = 50
_SERVER_ERRORS = range(500, 600)
_TOO_MANY_REQUESTS = 429

# What Slack says about the message itself; everything else it refuses is about us.
_ABOUT_THE_MESSAGE = {"invalid_blocks", "invalid_blocks_format", "msg_too_long", "msg_blocks_too_long", "no_text"}
_PASSING = {"ratelimited", "rate_limited", "fatal_error", "internal_error", "service_unavailable", "request_timeout"}


class Client(Protocol):
    """The part of slack_sdk.WebClient that is used."""

    def api_call(self, api_method: str, *, json: dict[str, Any]) -> Any:  # noqa: ANN401 - a SlackResponse
        """Call a method of the Web API."""
        ...


class _ServerErrors(RetryHandler):
    """The library's own handler leaves out 502 and 504."""

    def _can_retry(
        self,
        *,
        state: RetryState,  # noqa: ARG002 - the library's signature
        request: HttpRequest,  # noqa: ARG002 - as above
        response: HttpResponse | None = None,
        error: Exception | None = None,  # noqa: ARG002 - as above
    ) -> bool:
        return response is not None and response.status_code in _SERVER_ERRORS


class _RateLimit(RateLimitErrorRetryHandler):
    """Waits as long as Slack asks, unless that is longer than a task should sleep: then the next attempt comes."""

    def _can_retry(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> bool:
        asked = super()._can_retry(state=state, request=request, response=response, error=error)
        return asked and response is not None and _retry_after(response) <= _LONGEST_WAIT


class _UpToHalfLonger(Jitter):
    """In proportion to the wait; the library's own adds up to a second to any."""

    def recalculate(self, duration: float) -> float:
        return duration * uniform(1.0, 1.5)  # noqa: S311 - spreads requests, protects nothing


def retry_handlers(backoff: float = 1.0) -> list[RetryHandler]:
    """How a client tries again: Retry-After is respected, 5xx and broken connections are met with patience.

    Args:
        backoff: seconds before the second attempt; each further one waits twice as long
    """
    calculator = BackoffRetryIntervalCalculator(backoff_factor=backoff / 2, jitter=_UpToHalfLonger())
    return [
        _RateLimit(max_retry_count=_RETRIES),
        _ServerErrors(max_retry_count=_RETRIES, interval_calculator=calculator),
        ConnectionErrorRetryHandler(max_retry_count=_RETRIES, interval_calculator=calculator),
    ]


class SlackNotifier:
    """Implements the port Notifier.

    Args:
        client: made with `retry_handlers`
        channel: where to post
        base_url: where people reach Airflow, for links to the page; empty: no links
    """

    def __init__(self, client: Client, channel: str, base_url: str = "") -> None:
        self._client = client
        self._channel = channel
        self._base_url = base_url

    def post(self, message: Message) -> None:
        """Post, and take anything but a plain yes for a no."""
        try:
            self._client.api_call("chat.postMessage", json=payload(message, self._channel, self._base_url))
        except SlackApiError as error:
            raise _refusal(error) from error
        except (SlackRequestError, HTTPException, OSError) as error:
            raise ChannelDown(
                f"Slack (connection stock_slack) did not answer: {error!r}; it is asked again by the next attempt"
            ) from error


def payload(message: Message, channel: str, base_url: str = "") -> dict[str, Any]:
    """Write a message as chat.postMessage takes it.

    Nothing in the body acts: it is shown in plain text objects, and the control characters of Slack's markup are
    escaped everywhere. Only calls in the footer, which an operator configured, call somebody.
    """
    link = _link(message.place, base_url)
    text = "\n".join(
        part for part in (_escaped(message.body), _with_calls(message.footer), _escaped(message.note)) if part
    )
    return {
        "channel": channel,
        "text": text,
        "blocks": [*list(_blocks(message))[: _BLOCKS - len(link)], *link],
        "mrkdwn": False,
        "parse": "none",
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _blocks(message: Message) -> Iterator[dict[str, Any]]:
    title, _, rest = message.body.partition("\n")
    yield {"type": "header", "text": _plain(title[:_HEADER])}
    for piece in _pieces(rest.strip("\n").split("\n")):
        yield {"type": "section", "text": _plain(piece)}
    if message.footer:
        called = {"type": "mrkdwn", "text": _with_calls(message.footer)}
        yield {"type": "section", "text": called if calls_somebody(message.footer) else _plain(message.footer)}
    if message.note:
        for piece in _pieces(message.note.split("\n")):
            yield {"type": "section", "text": _plain(piece)}


def _link(place: Place | None, base_url: str) -> list[dict[str, Any]]:
    """Make the block that leads to the page: an address of unreserved characters, and our own words."""
    address = deep_link(base_url, place.path) if place else ""
    if place is None or not address:
        return []
    return [
        {"type": "context", "elements": [{"type": "mrkdwn", "text": f"<{_escaped(address)}|{_escaped(place.label)}>"}]}
    ]


def _pieces(lines: list[str]) -> Iterator[str]:
    """Join lines into texts that fit into a block."""
    piece = ""
    for line in lines:
        longer = f"{piece}\n{line}" if piece else line
        if len(_escaped(longer)) > _SECTION and piece:
            yield piece
            longer = line
        piece = longer
    if piece:
        yield piece


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": _escaped(text), "emoji": False}


def _with_calls(text: str) -> str:
    return "".join(piece if calls else _escaped(piece) for piece, calls in pieces(text))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _retry_after(response: HttpResponse) -> int:
    for name, values in response.headers.items():
        if name.lower() == "retry-after" and values and values[0].isdigit():
            return int(values[0])
    return 0


def _refusal(error: SlackApiError) -> Exception:
    status, said = _status(error), _said(error)
    where = "Slack (connection stock_slack, STOCK_SYNC_SLACK_CHANNEL)"
    if status == _TOO_MANY_REQUESTS or status in _SERVER_ERRORS or said in _PASSING:
        return ChannelDown(f"{where} answered {status} {said}; it is asked again by the next attempt")
    if said in _ABOUT_THE_MESSAGE:
        return MessageRefused(f"{where} will not take a message: {said}")
    return ChannelRefuses(f"{where} answered {status} {said}; put the token, its rights or the channel right")


def _status(error: SlackApiError) -> int:
    status = getattr(error.response, "status_code", None)
    return int(status) if status is not None else 0


def _said(error: SlackApiError) -> str:
    response = error.response
    data = getattr(response, "data", response)
    return str(data.get("error", "")) if isinstance(data, dict) else ""
