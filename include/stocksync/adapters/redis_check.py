"""Whether a Redis can do what a run asks of it, found out before the run begins."""

import logging
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import redis
from redis.exceptions import NoPermissionError

from stocksync.adapters.redis_cluster import ClusterClient
from stocksync.adapters.redis_errors import remedy, translated
from stocksync.adapters.redis_keys import OWN, OwnKeys
from stocksync.adapters.redis_slots import SLOTS, hashed, slot_of, tags
from stocksync.adapters.redis_spaces import Client
from stocksync.errors import BadSetting
from stocksync.model.text import printable

log = logging.getLogger(__name__)

_NOTHING = "return 1"
_NO_EVICTION = "noeviction"
Command = tuple[str | bytes, ...]


def check_redis(client: Client, key_prefix: str, *, writes: bool) -> None:
    """Try every command the program uses, on keys that do not exist; what it writes, it deletes in the same step.

    Args:
        client: made with time limits and retries
        key_prefix: what a counter's key has before the product id
        writes: whether the run will write; a dry run may look at a replica

    Raises:
        BadSetting: the server is no master, not of the kind that the connection says or too old, or refuses a command.
        CacheUnavailable: it does not answer, or is loading.
    """
    name = uuid.uuid4().hex  # no product has it
    with translated("starting"):
        if not isinstance(client, ClusterClient):
            client.ping()
            _check_server(client, mode="standalone", writes=writes)
            _check_commands(client, f"{key_prefix}{name}", OwnKeys().lock(name), writes=writes)
            return
        for node, tag, counter in _in_each_node(client, key_prefix.encode(), name):
            _check_server(node, mode="cluster", writes=writes)
            _try(node, [("CLUSTER", "INFO"), ("CLUSTER", "SLOTS")])
            _check_commands(node, counter, OwnKeys(f"{tag}:").lock(name), writes=writes)


def _in_each_node(client: ClusterClient, prefix: bytes, name: str) -> Iterator[tuple[redis.Redis, str, str | None]]:
    """Give every master with what puts a key of ours there, and the name of a counter there, if any can be."""
    fixed = slot_of(prefix + name.encode()) if hashed(prefix + name.encode()) in prefix else None
    for number, node in enumerate(client.map.nodes):
        slot = next(slot for slot in range(SLOTS) if client.map.owners[slot] == number)
        if fixed is not None:
            counter = prefix.decode() + name if client.map.owners[fixed] == number else None
            slot = slot if counter is None else fixed
        else:
            counter = f"{prefix.decode()}{tags()[slot]}{name}"
        yield node, tags()[slot], counter


def _check_commands(client: redis.Redis, counter: str | None, own: str, *, writes: bool) -> None:
    _try(client, _commands(counter or own, own, writes=writes))
    if writes:
        _try(client, _written(own), transaction=True)
    _warn_of_eviction(client)


def _check_server(client: redis.Redis, *, mode: str, writes: bool) -> None:
    """By the server's own greeting (before Redis 6 there was none), and by a watch like that of the second look."""
    pool = client.connection_pool
    connection = pool.connection_class(**{**pool.connection_kwargs, "protocol": 3})
    try:
        connection.connect()
        greeting = {_word(name): _word(value) for name, value in dict(connection.handshake_metadata).items()}
        _judge(greeting, mode, writes=writes)
        own = OWN.encode()
        _ask(connection, "CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", own)
    finally:
        connection.disconnect()


def _judge(greeting: dict[str, str], expected: str, *, writes: bool) -> None:
    where = "Redis (connection stock_redis)"
    mode, role = greeting.get("mode", expected), greeting.get("role", "")
    if mode != expected:
        allowed = {
            "standalone": "no extra 'cluster', because this is one server",
            "cluster": "extra 'cluster'=true, because this is a node of a cluster",
            "sentinel": "the address of the data server, or the sentinels' in extra 'sentinels' with 'master_name'",
        }
        raise BadSetting(f"{where} is in mode {printable(mode)!r}; allowed: {allowed.get(mode, expected)}")
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
