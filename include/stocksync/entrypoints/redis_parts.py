"""What the parts of connection `stock_redis` mean together: one server, a cluster, or whom the sentinels name."""

from typing import Any

from stocksync.adapters.redis_cluster import ClusterAddress
from stocksync.adapters.redis_sentinel import SentinelAddress
from stocksync.entrypoints.connection_parts import KNOWN, REDIS_TLS, Given, Parts, refused, understood

_SENTINEL = ("master_name", "sentinel_username", "sentinel_password")


def redis_address(given: Given) -> dict[str, Any] | ClusterAddress | SentinelAddress:
    """Say where Redis is; of one server, what redis.Redis is made with.

    Raises:
        BadSetting: a part is not allowed, or parts contradict each other.
    """
    parts, name = understood(given), given.conn_id
    extra = parts.extra
    clustered, nodes = extra.pop("cluster", False), extra.pop("startup_nodes", ())
    sentinels = extra.pop("sentinels", ())
    of_sentinels = {option: extra.pop(option) for option in _SENTINEL if option in extra}
    if nodes and not clustered:
        raise refused(name, "extra 'startup_nodes' without 'cluster'", "extra 'cluster'=true with it")
    if clustered and sentinels:
        raise refused(name, "extras 'cluster' and 'sentinels'", "one of them: a cluster has no sentinels")
    if of_sentinels and not sentinels:
        raise refused(name, f"extra {next(iter(of_sentinels))!r} without 'sentinels'", "extra 'sentinels' with it")
    database, client = _database(parts, name), _client(parts, name)
    if clustered:
        if database:
            raise refused(name, f"database {database} and extra 'cluster'=true", "0: a cluster has no other")
        own = () if parts.host is None else ((parts.host, parts.port or 6379),)
        if not own and not nodes:
            raise refused(name, "no host", "the name or address of a node, in the host or in extra 'startup_nodes'")
        return ClusterAddress((*own, *nodes), client)
    if sentinels:
        return _sentinel(parts, name, sentinels, of_sentinels, {**client, "db": database})
    if parts.host is None:
        raise refused(name, "no host", KNOWN[name].parts["host"].allowed)
    return {"host": parts.host, "port": parts.port or 6379, "db": database, **client}


def _sentinel(
    parts: Parts, name: str, sentinels: tuple[tuple[str, int], ...], of_them: dict[str, Any], client: dict[str, Any]
) -> SentinelAddress:
    if "master_name" not in of_them:
        raise refused(name, "extra 'sentinels' without 'master_name'", "what the sentinels call the master")
    if parts.host is not None or parts.port is not None:
        raise refused(
            name, "host or port and extra 'sentinels'", "the sentinels alone: they name the host and the port"
        )
    tls = {option: value for option, value in client.items() if option.startswith("ssl")}
    asked = {"username": of_them.get("sentinel_username"), "password": of_them.get("sentinel_password"), **tls}
    return SentinelAddress(sentinels, of_them["master_name"], client, asked)


def _database(parts: Parts, name: str) -> int:
    database = parts.extra.pop("db", None)
    if None not in {database, parts.schema} and database != parts.schema:
        raise refused(name, f"schema (the path of a URI) {parts.schema} and extra 'db'={database}", "one of them")
    return int(next((number for number in (parts.schema, database) if number is not None), 0))


def _client(parts: Parts, name: str) -> dict[str, Any]:
    """Who we are, and TLS."""
    extra = parts.extra
    tls = extra.pop("ssl", None)
    if parts.conn_type == "rediss" and tls is False:
        raise refused(name, "type 'rediss' and extra 'ssl'=False", "rediss, or redis without TLS")
    account = {"username": parts.login, "password": parts.password}
    if not tls and parts.conn_type != "rediss":
        # The form of Airflow's UI stores the two other options with every connection.
        if useless := [option for option in REDIS_TLS if option in extra]:
            raise refused(name, f"extra {useless[0]!r} without TLS", "type rediss or extra 'ssl'=true with it")
        return account
    if extra.get("ssl_cert_reqs") == "none":
        extra["ssl_check_hostname"] = False
    return {**account, "ssl": True, **extra}
