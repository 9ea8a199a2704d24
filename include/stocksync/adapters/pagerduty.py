"""PagerDuty: Events API v2."""

import pagerduty

from stocksync.errors import ChannelDown, ChannelRefuses, MessageRefused
from stocksync.model.notice import Incident
from stocksync.model.text import printable

TIMEOUT = 15
"""Seconds PagerDuty has to answer one request."""
SOURCE = "stock-sync"
_SUMMARY = 1024
_BAD_REQUEST = 400
_TOO_MANY_REQUESTS = 429
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
    """

    def __init__(self, client: pagerduty.EventsApiV2Client) -> None:
        self._client = client

    def trigger(self, incident: Incident) -> None:
        """Send a trigger."""
        self._send(
            "trigger",
            incident.dedup_key,
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
            if status == _BAD_REQUEST:
                raise MessageRefused(
                    f"{where} will not take the event {dedup_key}: {printable(str(error), 300)}"
                ) from error
            raise ChannelRefuses(f"{where} answered {status}; put the integration key right") from error
        except pagerduty.Error as error:
            raise ChannelDown(
                f"{where} did not answer: {printable(str(error), 300)}; it is asked again by the next attempt"
            ) from error
