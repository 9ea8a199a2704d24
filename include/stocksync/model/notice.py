"""What is sent to people: a message, an incident."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

_LONGEST_PLAIN = 100


@dataclass(frozen=True, slots=True)
class Place:
    """A part of the page in Airflow's UI.

    Attributes:
        path: relative to the page, made by model/address.py
        label: what a link to it says
    """

    path: str
    label: str


@dataclass(frozen=True, slots=True)
class Message:
    """A chat message.

    Attributes:
        body: lines of text in which nothing acts: every character is shown as it is
        footer: configured text that may mention somebody; empty: none
        note: lines below the footer, in which nothing acts either; empty: none
        place: where the page shows more of it
    """

    body: str
    footer: str = ""
    note: str = ""
    place: Place | None = None

    @property
    def text(self) -> str:
        """The message as a person reads it."""
        return "\n".join(part for part in (self.body, self.footer, self.note) if part)


@dataclass(frozen=True, slots=True)
class Incident:
    """Something a person is called for.

    Attributes:
        dedup_key: names the trouble; the same trouble found again joins the open incident
        summary: one line
        details: shown as a table
        place: where the page shows more of it
    """

    dedup_key: str
    summary: str
    details: Mapping[str, Any]
    place: Place | None = None


def product_incident(product_id: str) -> str:
    """Name the trouble with a product."""
    return _dedup_key("product", product_id)


def group_incident(group_key: str) -> str:
    """Name the trouble with so many products of a run that they are only counted."""
    return _dedup_key("more", group_key)


def bulk_incident(what: str) -> str:
    """Name the trouble with so many products that it is not theirs, whichever run finds it."""
    return f"stock-sync/bulk/{what}"


def _dedup_key(kind: str, name: str) -> str:
    # PagerDuty takes 255 characters; names that are long or unusual are told apart by their hash.
    if name and len(name) <= _LONGEST_PLAIN and name.isascii() and name.isprintable():
        return f"stock-sync/{kind}/{name}"
    return f"stock-sync/{kind}-sha256/{sha256(name.encode(errors='surrogatepass')).hexdigest()}"
