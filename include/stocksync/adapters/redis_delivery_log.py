"""What people were told, what was put aside, and which incidents are open, in Redis."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict

from stocksync.adapters.redis_errors import script, translated
from stocksync.adapters.redis_spaces import Client, space_of
from stocksync.alerting.batch import TOKEN_BYTES
from stocksync.alerting.ports import Delivered, OpenIncident

WEEK = 7 * 24 * 3600
"""Seconds for which it is remembered what people were told."""


class RedisDeliveryLog:
    """Implements the port DeliveryLog.

    Args:
        client: Redis
        channel: whose log it is
    """

    def __init__(self, client: Client, channel: str) -> None:
        self._client = client
        self._keys = space_of(client).keys
        self._channel = channel

    def tokens(self, group: str) -> bytes:
        """Read, and keep for another week: as long as Slack is down, nothing PagerDuty was told may be forgotten."""
        key = self._keys.told(self._channel, group)
        with translated("reading what was delivered"):
            pipeline = self._client.pipeline(transaction=True)
            pipeline.get(key)
            pipeline.expire(key, WEEK)
            pipeline.expire(self._keys.sent(self._channel, group), WEEK)
            return pipeline.execute()[0] or b""

    def delivered(self, group: str) -> Delivered:
        """Read."""
        with translated("reading what was delivered"):
            noted = self._client.get(self._keys.sent(self._channel, group))
        return Delivered() if noted is None else Delivered(**json.loads(noted))

    def remember(self, group: str, tokens: bytes, delivered: Delivered) -> None:
        """Append and set, in one transaction.

        Done twice, after a lost answer, it repeats some tokens, which says nothing new.
        """
        told, counts = self._keys.told(self._channel, group), self._keys.sent(self._channel, group)
        with translated("remembering what was delivered"):
            pipeline = self._client.pipeline(transaction=True)
            pipeline.append(told, tokens)
            pipeline.expire(told, WEEK)
            pipeline.set(counts, json.dumps(asdict(delivered)), ex=WEEK)
            pipeline.execute()


class RedisDeadLetterLog:
    """Implements the port DeadLetterLog."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._keys = space_of(client).keys

    def known(self) -> set[bytes]:
        """Read, and keep for another week."""
        with translated("reading what was put aside"):
            pipeline = self._client.pipeline(transaction=True)
            pipeline.get(self._keys.dead_letters)
            pipeline.expire(self._keys.dead_letters, WEEK)
            joined: bytes = pipeline.execute()[0] or b""
        return {joined[start : start + TOKEN_BYTES] for start in range(0, len(joined), TOKEN_BYTES)}

    def remember(self, places: Sequence[bytes]) -> None:
        """Append; done twice, after a lost answer, it repeats some tokens, which says nothing new."""
        with translated("noting what was put aside"):
            pipeline = self._client.pipeline(transaction=True)
            pipeline.append(self._keys.dead_letters, b"".join(places))
            pipeline.expire(self._keys.dead_letters, WEEK)
            pipeline.execute()


class RedisFailureLog:
    """Implements the port FailureLog.

    Args:
        client: makes the client; the failure that is told of may be that Redis' connection cannot be used
    """

    def __init__(self, client: Callable[[], Client]) -> None:
        self._client = client

    def told_lately(self, dag_id: str) -> bool:
        """Look it up."""
        with translated("looking up what was told"):
            client = self._client()
            return bool(client.exists(space_of(client).keys.failure(dag_id)))

    def remember(self, dag_id: str, quiet_s: int) -> None:
        """Write, with an expiry."""
        with translated("noting what was told"):
            client = self._client()
            client.set(space_of(client).keys.failure(dag_id), "told", ex=quiet_s)


class RedisOpenIncidents:
    """Implements the port OpenIncidents on a hash."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._keys = space_of(client).keys
        self._forget = client.register_script(script("forget_incident"))

    def add(self, incident: OpenIncident) -> None:
        """Write."""
        with translated("noting an incident"):
            self._client.hset(self._keys.incidents, incident.dedup_key, _text(incident))

    def all(self) -> list[OpenIncident]:
        """Read; oldest first."""
        with translated("reading the open incidents"):
            found = self._client.hgetall(self._keys.incidents)
        return sorted(map(_incident, found.values()), key=lambda incident: incident.opened_at)

    def remove(self, incident: OpenIncident) -> None:
        """Compare and delete."""
        with translated("forgetting an incident"):
            self._forget(keys=[self._keys.incidents], args=[incident.dedup_key, _text(incident)])


def _text(incident: OpenIncident) -> str:
    noted = asdict(incident)
    if not incident.products:
        del noted["products"]  # as earlier versions noted it: what is forgotten is compared with what was noted
    return json.dumps(noted, sort_keys=True)


def _incident(value: bytes | str) -> OpenIncident:
    noted = json.loads(value)
    return OpenIncident(**noted | {"products": tuple(noted.get("products", ()))})
