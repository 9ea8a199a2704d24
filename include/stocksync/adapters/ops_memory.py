"""What people were told, what was put aside, and which incidents are open, in the operations store."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from stocksync.adapters.ops_database import OpsDatabase, storable
from stocksync.alerting.batch import TOKEN_BYTES
from stocksync.alerting.ports import Delivered, OpenIncident

_TOLD = "INSERT INTO told (channel, about, tokens, delivered) VALUES (%s, %s, %s, %s)"
_DEAD_LETTERS, _FAILURES = "dead letters", "failures"


class OpsDeliveryLog:
    """Implements the port DeliveryLog.

    Args:
        database: the store
        channel: whose log it is
    """

    def __init__(self, database: OpsDatabase, channel: str) -> None:
        self._database = database
        self._channel = channel

    def tokens(self, group: str) -> bytes:
        """Read."""
        return _tokens(self._database, self._channel, group)

    def delivered(self, group: str) -> Delivered:
        """Read the latest."""
        query = "SELECT delivered FROM told WHERE channel = %s AND about = %s ORDER BY id DESC LIMIT 1"
        noted = self._database.rows("reading what was delivered", query, (self._channel, storable(group)))
        return Delivered(**noted[0][0]) if noted else Delivered()

    def remember(self, group: str, tokens: bytes, delivered: Delivered) -> None:
        """Append; done twice, after a lost answer, it repeats some tokens, which says nothing new."""
        with self._database.transaction("remembering what was delivered") as cursor:
            cursor.execute(_TOLD, (self._channel, storable(group), tokens, json.dumps(asdict(delivered))))


class OpsDeadLetterLog:
    """Implements the port DeadLetterLog."""

    def __init__(self, database: OpsDatabase) -> None:
        self._database = database

    def known(self) -> set[bytes]:
        """Read."""
        joined = _tokens(self._database, _DEAD_LETTERS, "")
        return {joined[start : start + TOKEN_BYTES] for start in range(0, len(joined), TOKEN_BYTES)}

    def remember(self, places: Sequence[bytes]) -> None:
        """Append."""
        with self._database.transaction("noting what was put aside") as cursor:
            cursor.execute(_TOLD, (_DEAD_LETTERS, "", b"".join(places), "{}"))


class OpsFailureLog:
    """Implements the port FailureLog."""

    def __init__(self, database: OpsDatabase) -> None:
        self._database = database

    def told_lately(self, dag_id: str) -> bool:
        """Look it up."""
        query = """
            SELECT count(*) > 0 FROM told WHERE channel = %s AND about = %s
            AND recorded_at > now() - make_interval(secs => (delivered ->> 'quiet_s')::float)
        """
        [(lately,)] = self._database.rows("looking up what was told", query, (_FAILURES, storable(dag_id)))
        return bool(lately)

    def remember(self, dag_id: str, quiet_s: int) -> None:
        """Append."""
        with self._database.transaction("noting what was told") as cursor:
            cursor.execute(_TOLD, (_FAILURES, storable(dag_id), b"", json.dumps({"quiet_s": quiet_s})))


class OpsOpenIncidents:
    """Implements the port OpenIncidents: openings and closings are appended, what is open is a view over them."""

    def __init__(self, database: OpsDatabase) -> None:
        self._database = database

    def add(self, incident: OpenIncident) -> None:
        """Append an opening."""
        self._append("opened", incident)

    def all(self) -> list[OpenIncident]:
        """Read; oldest first."""
        query = "SELECT dedup_key, opened_at, product_id, counted, products FROM open_incidents ORDER BY opened_at"
        rows = self._database.rows("reading the open incidents", query)
        return [OpenIncident(key, at, product, counted, tuple(known)) for key, at, product, counted, known in rows]

    def remove(self, incident: OpenIncident) -> None:
        """Append a closing, which names the opening it closes: a later one stays open."""
        self._append("closed", incident)

    def _append(self, happened: str, incident: OpenIncident) -> None:
        product = None if incident.product_id is None else storable(incident.product_id)
        with self._database.transaction("noting an incident") as cursor:
            cursor.execute(
                "INSERT INTO incidents (dedup_key, happened, opened_at, product_id, counted, products) "
                "VALUES (%s, %s, %s, %s, %s, %s)",
                (
                    storable(incident.dedup_key),
                    happened,
                    incident.opened_at,
                    product,
                    incident.counted,
                    [storable(each) for each in incident.products],
                ),
            )


def _tokens(database: OpsDatabase, channel: str, about: str) -> bytes:
    query = "SELECT tokens FROM told WHERE channel = %s AND about = %s ORDER BY id"
    rows = database.rows("reading what was told", query, (channel, storable(about)))
    return b"".join(bytes(tokens) for (tokens,) in rows)
