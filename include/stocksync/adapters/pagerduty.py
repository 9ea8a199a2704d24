"""PagerDuty: Events API v2."""

import re
from typing import Any

import pagerduty

from stocksync.errors import ChannelDown, ChannelRefuses, MessageRefused
from stocksync.model.address import deep_link
from stocksync.model.notice import Incident
from stocksync.model.text import printable

TIMEOUT = 15
"""Seconds PagerDuty has to answer one request."""
SOURCE = "stock-sync"
_SUMMARY = 1024
_BAD_REQUEST = 400
_TOO_MANY_REQUESTS = 429
_LONGEST_REASON = 1000
_ABOUT_THE_KEY = re.compile(r"routing[ _]key|integration key", re.IGNORECASE)
_PASSING = {408, _TOO_MANY_REQUESTS, *range(500, 600)}


def be_patient(client: pagerduty.EventsApiV2Client, backoff: float = 1.0) -> pagerduty.EventsApiV2Client:
    """Set how a client tries again: by itself it would meet a 429 without end, and a 503 for minutes.

    Args:
        client: a client of the Events API
        backoff: seconds before the second attempt; each further one waits longer
    """
    client.retry.update(dict.fromkeys(_PASSING, 4))
    client.max_http_attempts = 4
    client.max_network_attempts = 3
    client.sleep_timer = backoff / client.sleep_timer_base
    client.timeout = TIMEOUT
    return client


class PagerDutyPager:
    """Implements the port Pager.

    Args:
        client: made with `be_patient`; it checks the server's certificate
        base_url: where people reach Airflow, for links to the page; empty: no links
    """

    def __init__(self, client: pagerduty.EventsApiV2Client, base_url: str = "") -> None:
        self._client = client
        self._base_url = base_url

    def trigger(self, incident: Incident) -> None:
        """Send a trigger."""
        place = incident.place
        address = deep_link(self._base_url, place.path) if place else ""
        links = {"links": [{"href": address, "text": place.label}]} if place and address else {}
        self._send(
            "trigger",
            incident.dedup_key,
            **links,
            payload={
                "summary": incident.summary[:_SUMMARY],
                "source": SOURCE,
                "severity": "critical",
                "custom_details": dict(incident.details),
            },
        )

    def resolve(self, dedup_key: str) -> None:
        """Send a resolve."""
        self._send("resolve", dedup_key)

    def _send(self, action: str, dedup_key: str, **properties: object) -> None:
        where = "PagerDuty (connection stock_pagerduty)"
        try:
            self._client.send_event(action, dedup_key=dedup_key, **properties)
        except pagerduty.HttpError as error:
            status = error.response.status_code
            if status in _PASSING:
                raise ChannelDown(f"{where} answered {status}; it is asked again by the next attempt") from error
            reason = _reason(error.response)
            if status == _BAD_REQUEST and not _ABOUT_THE_KEY.search(reason):
                raise MessageRefused(f"{where} will not take the event {dedup_key}: {reason}") from error
            raise ChannelRefuses(
                f"{where} answered {status}: {reason}; put its integration key right (the password, or the extra "
                "routing_key): that of an Events API v2 integration, 32 characters"
            ) from error
        except pagerduty.Error as error:
            raise ChannelDown(
                f"{where} did not answer: {printable(str(error), 300)}; it is asked again by the next attempt"
            ) from error


def _reason(response: Any) -> str:  # noqa: ANN401 - an httpx response
    """Give the whole of what PagerDuty says: its library shows the first 100 characters of an answer."""
    try:
        answer = response.json()
        told = [answer["message"], *answer.get("errors", [])]
    except (ValueError, TypeError, KeyError, AttributeError):
        told = [response.text]
    return printable("; ".join(map(str, told)), _LONGEST_REASON)
