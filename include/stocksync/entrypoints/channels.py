"""Slack and PagerDuty from Airflow's connections; None where a connection is not defined."""

import ssl

import pagerduty
from airflow.configuration import conf
from airflow.providers.pagerduty.hooks.pagerduty_events import PagerdutyEventsHook
from airflow.providers.slack.hooks.slack import SlackHook

from stocksync.adapters.pagerduty import PagerDutyPager, be_patient
from stocksync.adapters.slack import SlackNotifier, retry_handlers
from stocksync.entrypoints import connection_lookup
from stocksync.entrypoints.connection_parts import STOCK_PAGERDUTY, STOCK_SLACK, understood
from stocksync.errors import BadSetting
from stocksync.settings import Settings


def base_url() -> str:
    """Return where people reach Airflow, as `[api] base_url` says; empty: nobody said, so messages have no links."""
    return str(conf.get("api", "base_url", fallback="") or "")


def slack(settings: Settings) -> SlackNotifier | None:
    """Make the chat from connection `stock_slack`; the extra may hold `base_url`, `timeout`, `proxy`."""
    connection = connection_lookup.find(STOCK_SLACK)
    if connection is None:
        return None
    if understood(connection).password is None:
        raise BadSetting(f"connection {STOCK_SLACK} has no password; allowed: the token of a Slack app")
    hook = SlackHook(slack_conn_id=STOCK_SLACK, retry_handlers=retry_handlers())
    return SlackNotifier(hook.client, settings.slack_channel, base_url())


def pager() -> PagerDutyPager | None:
    """Make the pager from connection `stock_pagerduty`.

    The integration key is the extra's `routing_key` (as the provider has it) or the password. The extra may also
    hold `base_url` and `ca_file` for an endpoint of one's own; the certificate is checked in any case.
    """
    connection = connection_lookup.find(STOCK_PAGERDUTY)
    if connection is None:
        return None
    parts = understood(connection)
    extra = parts.extra
    key = extra.get("routing_key") or parts.password
    if not key:
        raise BadSetting(
            f"connection {STOCK_PAGERDUTY} has neither a `routing_key` in its extra nor a password; "
            "allowed: the integration key of an Events API v2 integration"
        )
    hook = _EventsHook(key, base_url=extra.get("base_url"), ca_file=extra.get("ca_file"))
    return PagerDutyPager(be_patient(hook.get_conn()), base_url())


class _EventsHook(PagerdutyEventsHook):
    """The provider's hook knows one endpoint only and makes its client inside `send_event`."""

    def __init__(self, integration_key: str, base_url: str | None, ca_file: str | None) -> None:
        super().__init__(integration_key=integration_key)
        self._base_url = base_url
        self._ca_file = ca_file

    def get_conn(self) -> pagerduty.EventsApiV2Client:
        """Make a client of the Events API."""
        try:
            trust = ssl.create_default_context(cafile=self._ca_file)
        except OSError as error:
            raise BadSetting(
                f"connection {STOCK_PAGERDUTY}: ca_file={self._ca_file!r} cannot be used ({error}); "
                "allowed: a file of certificates in PEM form"
            ) from error
        return pagerduty.EventsApiV2Client(self.integration_key, base_url=self._base_url, verify=trust)
