"""A stand-in for Slack: chat.postMessage over HTTP, with Slack's rules about what a message may be."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.standins.stand_in import Answer, StandIn

TOKEN = "xoxb-stand-in"  # noqa: S105 - opens nothing
_METHOD = "/api/chat.postMessage"
_MOST_BLOCKS = 50
_LONGEST = {"header": 150, "section": 3000}
_LONGEST_TEXT = 40_000


class Slack(StandIn):
    """A workspace that keeps what is posted; `messages` has it, in order."""

    def __init__(self, journal: Path | None = None) -> None:
        super().__init__(_answer, journal=journal)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The accepted messages: channel, text, blocks."""
        return self.accepted

    @property
    def texts(self) -> list[str]:
        """The accepted messages as a person reads them in a notification."""
        return [as_read(message) for message in self.accepted]

    @property
    def page(self) -> str:
        """The accepted messages, one below the other."""
        return "\n\n".join(f"{message['channel']}\n{as_read(message)}" for message in self.accepted) or "nothing yet"

    @property
    def connection(self) -> str:
        """The value of AIRFLOW_CONN_STOCK_SLACK."""
        return json.dumps(connection(self.port))


def connection(port: int) -> dict[str, Any]:
    """Describe the Airflow connection of a stand-in on this port."""
    return {"conn_type": "slack", "password": TOKEN, "extra": {"base_url": f"http://127.0.0.1:{port}/api/"}}


def as_read(message: Mapping[str, Any]) -> str:
    """Undo what Slack undoes before it shows a text."""
    return str(message["text"]).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _answer(path: str, headers: Mapping[str, str], body: dict[str, Any]) -> Answer:
    if path != _METHOD:
        return 404, {"ok": False, "error": "unknown_method"}
    checks = {
        "invalid_auth": headers.get("Authorization") == f"Bearer {TOKEN}",
        "channel_not_found": bool(body.get("channel")),
        "no_text": bool(body.get("text")),
        "msg_too_long": len(body.get("text", "")) <= _LONGEST_TEXT,
        "invalid_blocks": _blocks_are_valid(body.get("blocks", [])),
    }
    for error, holds in checks.items():
        if not holds:
            return 200, {"ok": False, "error": error}
    return 200, {"ok": True, "channel": body["channel"], "ts": "1700000000.000100", "message": {"text": body["text"]}}


def _blocks_are_valid(blocks: list[dict[str, Any]]) -> bool:
    return len(blocks) <= _MOST_BLOCKS and all(map(_block_is_valid, blocks))


def _block_is_valid(block: dict[str, Any]) -> bool:
    if block["type"] == "context":
        return all(0 < len(each["text"]) <= _LONGEST["section"] for each in block["elements"])
    return (
        block["type"] in _LONGEST
        and block["text"]["type"] in {"plain_text", "mrkdwn"}
        and (block["type"] != "header" or block["text"]["type"] == "plain_text")
        and 0 < len(block["text"]["text"]) <= _LONGEST[block["type"]]
    )
