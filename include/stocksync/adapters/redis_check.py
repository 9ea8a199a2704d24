"""Whether a Redis can do what a run asks of it, found out before the run begins."""

import logging
import uuid
from collections.abc import Sequence
from typing import Any

import redis
from redis.exceptions import NoPermissionError

from stocksync.adapters.redis_errors import remedy, translated
from stocksync.adapters.redis_keys import OWN, OwnKeys
from stocksync.errors import BadSetting

log = logging.getLogger(__name__)

_NOTHING = "return 1"
_NO_EVICTION = "noeviction"
Command = tuple[str | bytes, ...]


def check_redis(client: redis.Redis, key_prefix: str, *, writes: bool) -> None:
    """Try every command the program uses, on keys that do not exist; what it writes, it deletes in the same step.

    Args:
        client: made with time limits and retries
        key_prefix: what a counter's key has before the product id
        writes: whether the run will write; a dry run may look at a replica

    Raises:
        BadSetting: the server is no master, a node of a cluster or too old, or refuses a command.
        CacheUnavailable: it does not answer, or is loading.
    """
    with translated("starting"):
        client.ping()
        _check_server(client, writes=writes)
        name = uuid.uuid4().hex  # no product has it
        own = OwnKeys().lock(name)
        _try(client, _commands(f"{key_prefix}{name}", own, writes=writes))
        if writes:
            _try(client, _written(own), transaction=True)
        _warn_of_eviction(client)


def _check_server(client: redis.Redis, *, writes: bool) -> None:
    """By the server's own greeting (before Redis 6 there was none), and by a watch like that of the second look."""
    pool = client.connection_pool
    connection = pool.connection_class(**{**pool.connection_kwargs, "protocol": 3})
    try:
        connection.connect()
        greeting = {_word(name): _word(value) for name, value in dict(connection.handshake_metadata).items()}
        _judge(greeting, writes=writes)
        own = OWN.encode()
        _ask(connection, "CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", own)
    finally:
        connection.disconnect()


def _judge(greeting: dict[str, str], *, writes: bool) -> None:
    where = "Redis (connection stock_redis)"
    mode, role = greeting.get("mode", ""), greeting.get("role", "")
    if mode in {"cluster", "sentinel"}:
        raise BadSetting(
            f"{where} is a node of a cluster or a sentinel (mode {mode!r}); allowed: one Redis server or its failover "
            "address, because a script restores counters of many slots in one step"
        )
    if role != "master" and writes:
        raise BadSetting(f"{where} is a {role}, whose keys are not to be written; allowed: the address of the master")


def _commands(counter: str, own: str, *, writes: bool) -> list[Command]:
    looking: list[Command] = [("MGET", counter), ("TYPE", counter), ("EXISTS", own), ("GET", own), ("HGETALL", own)]
    if not writes:
        return looking
    return [
        *looking,
        ("SET", counter, "0", "XX"),  # XX: only if it exists, and it does not
        ("SET", own, "0", "XX", "EX", "1"),
        ("SCRIPT", "LOAD", _NOTHING),
        ("EVALSHA", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "0"),  # of that very script
        ("HGET", own, "0"),
        ("HEXISTS", own, "0"),
        ("HDEL", own, "0"),
        ("TIME",),
        ("TTL", own),
        ("EXPIRE", own, "1"),
        ("DEL", own),
    ]


def _written(own: str) -> list[Command]:
    """What cannot be tried without writing, and the end of it."""
    text = f"{own}:text"
    return [("HSET", own, "0", "0"), ("APPEND", text, "0"), ("EXPIRE", own, "1"), ("DEL", own, text)]


def _try(client: redis.Redis, commands: Sequence[Command], *, transaction: bool = False) -> None:
    """Send all at once; name every command that is refused, and the first other error."""
    pipeline = client.pipeline(transaction=transaction)
    for command in commands:
        pipeline.execute_command(*command)
    answers = pipeline.execute(raise_on_error=False)
    errors = [
        (" ".join(map(_word, command[: 2 if command[0] == "SCRIPT" else 1])), answer)
        for command, answer in zip(commands, answers, strict=True)
        if isinstance(answer, redis.RedisError)
    ]
    final = [(command, error) for command, error in errors if remedy(error) is not None]
    if final:
        refused = ", ".join(dict.fromkeys(command for command, _ in final))
        why = "may not be used by this account" if isinstance(final[0][1], NoPermissionError) else "refused"
        raise BadSetting(
            f"Redis (connection stock_redis): {refused} {why}: {final[0][1]}; allowed: {remedy(final[0][1])}"
        )
    for _, error in errors:
        raise error


def _warn_of_eviction(client: redis.Redis) -> None:
    try:
        memory = client.info("memory")
    except redis.ResponseError as refused:
        log.info("whether Redis evicts keys cannot be looked up: INFO is refused (%s)", refused)
        return
    policy, limit = _word(memory.get("maxmemory_policy", _NO_EVICTION)), memory.get("maxmemory", 0)
    if policy != _NO_EVICTION and limit:
        log.warning(
            "Redis (connection stock_redis) has maxmemory-policy %s: at %s bytes it drops %s without a word, "
            "among them %s; a store that products are sold from wants noeviction",
            policy,
            f"{limit:,}",
            "keys with a TTL" if policy.startswith("volatile") else "any keys",
            "the run's lock and progress" if policy.startswith("volatile") else "counters and what is yet to be told",
        )


def _ask(connection: Any, *words: str | bytes) -> Any:  # noqa: ANN401 - redis' own types
    connection.send_command(*words, check_health=False)
    return connection.read_response()


def _word(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
