"""What Redis can answer instead of an answer, in this program's words."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files

import redis

from stocksync.errors import BadSetting, CacheUnavailable


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn a driver error into CacheUnavailable (worth a retry) or BadSetting (not)."""
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
