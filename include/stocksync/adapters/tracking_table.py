"""Redis' tracking table: what it remembers for clients that cache keys, and how full that is."""

import logging

import redis

from stocksync.adapters.redis_errors import translated

log = logging.getLogger(__name__)

_FULL_FROM_PERCENT = 90
_LIMIT = "tracking-table-max-keys"
_DEFAULT_LIMIT = 1_000_000


def check_tracking_table(client: redis.Redis) -> None:
    """Warn in the log where the table is nearly full; say quietly where that cannot be looked up.

    A run does not depend on it: its own watch has no entries there. But at `tracking-table-max-keys` Redis makes room
    by telling clients of writes that never were, and entries outlive the clients they were made for.

    Raises:
        CacheUnavailable: Redis does not answer.
    """
    with translated("looking at its tracking table"):
        try:
            keys = int(client.info("stats").get("tracking_total_keys", 0))
        except redis.ResponseError as refused:
            log.info("how full Redis' tracking table is cannot be looked up: INFO is refused (%s)", refused)
            return
        try:
            limit = int(client.config_get(_LIMIT).get(_LIMIT) or _DEFAULT_LIMIT)
        except redis.ResponseError as refused:
            log.info("Redis' tracking-table-max-keys is taken to be its default: CONFIG GET is refused (%s)", refused)
            limit = _DEFAULT_LIMIT
    if limit == 0 or keys * 100 < limit * _FULL_FROM_PERCENT:  # 0: no limit
        return
    log.warning(
        "Redis' tracking table is full: %s keys, and %s fit (tracking-table-max-keys). This run does not use it, but "
        "clients that cache keys are told of writes that never were. Entries of clients that are gone stay until their "
        "keys are written; early versions of this program left one for each counter they watched. An administrator is "
        "rid of them by setting the limit to 1 while a run compares, and back when it has ended",
        f"{keys:,}",
        f"{limit:,}",
    )
