"""How long a Redis client waits, and how often it asks again."""

from dataclasses import dataclass

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry


@dataclass(frozen=True, slots=True)
class Patience:
    """Time limits and retries of a client.

    Attributes:
        connect_s: seconds to wait for a connection
        answer_s: seconds to wait for an answer
        retries: how often a call is repeated after the first
        first_pause_s: seconds before the first repetition; each further pause is twice as long
        longest_pause_s: seconds a pause is long at most
        decision_s: of a cluster: seconds after which what was decided is not written any more
    """

    connect_s: float = 10
    answer_s: float = 30
    retries: int = 5
    first_pause_s: float = 0.1
    longest_pause_s: float = 2.0
    decision_s: float = 1.0


def with_patience(client: redis.Redis, patience: Patience) -> redis.Redis:
    """Set a client's time limits and retries.

    Every call this program makes may be repeated: reads, and scripts that recognize their own work.
    """

    def retry() -> Retry:
        return Retry(ExponentialBackoff(patience.longest_pause_s, patience.first_pause_s), patience.retries)

    client.connection_pool.connection_kwargs.update(
        socket_connect_timeout=patience.connect_s,
        socket_timeout=patience.answer_s,
        socket_keepalive=True,
        retry=retry(),
    )
    client.set_retry(retry())
    return client
