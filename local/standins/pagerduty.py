"""A stand-in for PagerDuty: Events API v2 over TLS."""

import json
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import trustme

from local.standins.stand_in import Answer, StandIn

ROUTING_KEY = "0123456789abcdef0123456789abcdef"
_ACTIONS = {"trigger", "acknowledge", "resolve"}
_LONGEST_KEY = 255
_LONGEST_SUMMARY = 1024


class PagerDuty(StandIn):
    """A service that keeps the events it gets; `events` has them, in order.

    Args:
        folder: gets `pagerduty.pem`, the authority that clients have to trust.
        journal: a file that gets each accepted event as a line of JSON.
    """

    def __init__(self, folder: Path, journal: Path | None = None) -> None:
        authority, tls = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(tls)
        self.ca_file = folder / "pagerduty.pem"
        authority.cert_pem.write_to_path(self.ca_file)
        super().__init__(_answer, journal=journal, tls=tls)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The accepted events."""
        return self.accepted

    @property
    def open_incidents(self) -> list[str]:
        """The dedup keys of the incidents that were triggered and not resolved since, oldest first."""
        open_now: dict[str, None] = {}
        for event in self.accepted:
            if event["event_action"] == "resolve":
                open_now.pop(event["dedup_key"], None)
            else:
                open_now[event["dedup_key"]] = None
        return list(open_now)

    @property
    def connection(self) -> str:
        """The value of AIRFLOW_CONN_STOCK_PAGERDUTY."""
        return json.dumps(connection(self.port, self.ca_file))


def connection(port: int, ca_file: Path) -> dict[str, Any]:
    """Describe the Airflow connection of a stand-in on this port."""
    extra = {"base_url": f"https://127.0.0.1:{port}", "ca_file": str(ca_file)}
    return {"conn_type": "pagerduty", "password": ROUTING_KEY, "extra": extra}


def _answer(path: str, _headers: Mapping[str, str], body: dict[str, Any]) -> Answer:
    if path != "/v2/enqueue":
        return 404, {"status": "not found"}
    complaints = list(_complaints(body))
    if complaints:
        return 400, {"status": "invalid event", "message": "Event object is invalid", "errors": complaints}
    return 202, {"status": "success", "message": "Event processed", "dedup_key": body["dedup_key"]}


def _complaints(body: dict[str, Any]) -> list[str]:
    payload = body.get("payload", {})
    checks = {
        "'routing_key' is invalid": body.get("routing_key") == ROUTING_KEY,
        "'event_action' is invalid": body.get("event_action") in _ACTIONS,
        "'dedup_key' is invalid": 0 < len(body.get("dedup_key", "")) <= _LONGEST_KEY,
    }
    if body.get("event_action") == "trigger":
        checks |= {
            "'payload.summary' is invalid": 0 < len(payload.get("summary", "")) <= _LONGEST_SUMMARY,
            "'payload.severity' is invalid": payload.get("severity") in {"critical", "error", "warning", "info"},
            "'payload.source' is missing": bool(payload.get("source")),
        }
    return [complaint for complaint, holds in checks.items() if not holds]
