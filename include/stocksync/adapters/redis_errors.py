"""Maps redis-py's errors to CacheUnavailable and BadSetting."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files

import redis
from redis.exceptions import AskError, ClusterCrossSlotError, MovedError, NoPermissionError, RedisClusterException

from stocksync.adapters.tls_errors import tls_error
from stocksync.errors import BadSetting, CacheUnavailable

_WHERE = "Redis (connection stock_redis)"
_RIGHTS = (
    "an account that may read the counters, set them, use every key under sync:stock:, run scripts, and CLIENT TRACKING"
)
_BY_KIND: tuple[tuple[tuple[type[redis.RedisError], ...], str], ...] = (
    ((redis.AuthenticationError,), "login and password of an account of that server (no login: its user default)"),
    ((NoPermissionError,), _RIGHTS),
    (
        (MovedError, AskError, ClusterCrossSlotError),
        "extra 'cluster'=true, because this is a node of a cluster",
    ),
)
_NOT_DISABLED = "Redis 6.0 or newer, where no command that this program uses is renamed or disabled"
_BY_WORDS = (
    ("unknown command", _NOT_DISABLED),
    ("unknown subcommand", _NOT_DISABLED),
    ("exec without multi", "an account that may use MULTI and EXEC"),
    ("db index is out of range", "a database that the server has: the path of the URI, the schema, or the extra db"),
    ("invalid db index", "the number of a database: the path of the URI, the schema, or the extra db"),
)


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
    except (redis.RedisError, RedisClusterException) as error:
        allowed = remedy(error)
        if allowed is None:
            raise CacheUnavailable(f"{_WHERE} while {doing}: {error}{_hint(error)}") from error
        raise BadSetting(f"{_WHERE} while {doing}: {error}; allowed: {allowed}") from error


def remedy(error: Exception) -> str | None:
    """Say what a person has to change, in words that follow "allowed:"; None: it may pass by itself."""
    for kinds, allowed in _BY_KIND:
        if isinstance(error, kinds):
            return allowed
    if isinstance(error, redis.ResponseError):
        said = str(error).lower()
        return next((allowed for words, allowed in _BY_WORDS if words in said), None)
    return _tls_remedy(error)


def _tls_remedy(error: Exception) -> str | None:
    trouble = tls_error(error)
    if trouble is None:
        return None
    if isinstance(trouble, ssl.SSLCertVerificationError):
        return "a host as the server's certificate names it, and in the extra ssl_ca_certs the authority that signed it"
    return "type rediss or the extra ssl only where the server's port expects TLS, with versions of TLS both know"


def _hint(error: Exception) -> str:
    """A server that hangs up cannot be told from one that expects TLS."""
    hung_up = any(words in str(error) for words in ("closed by server", "reset by peer"))
    return "; if it always does so: type rediss is for a port that expects TLS" if hung_up else ""


def script(name: str) -> str:
    """Load one script of lua/."""
    return (files("stocksync") / "lua" / f"{name}.lua").read_text()
