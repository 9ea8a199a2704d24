"""Maps redis-py's errors to CacheUnavailable and BadSetting."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files

import redis

from stocksync.errors import BadSetting, CacheUnavailable


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn a driver error into one of this program's.

    Args:
        doing: what was being done, for the message

    Raises:
        BadSetting: the account is unknown or lacks a right; a person has to mend that.
        CacheUnavailable: anything else; worth a retry.
    """
    try:
        yield
    except (redis.AuthenticationError, redis.exceptions.NoPermissionError) as error:
        raise BadSetting(
            f"Redis (connection stock_redis) while {doing}: {error}; allowed: an account that may read "
            "the counters, set them, use every key under sync:stock:, and CLIENT TRACKING"
        ) from error
    except redis.RedisError as error:
        raise CacheUnavailable(f"Redis (connection stock_redis) while {doing}: {error}") from error


def script(name: str) -> str:
    """Load one script of lua/."""
    return (files("stocksync") / "lua" / f"{name}.lua").read_text()
