"""Which parts each connection has and what may be in them: what is set is used, or refused by its name.

Pure rules over what a person wrote. A message names the connection, the part, the value where it is no secret, and what
is allowed.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from stocksync.adapters import kafka_source
from stocksync.errors import BadSetting
from stocksync.model.text import printable

STOCK_REDIS = "stock_redis"
STOCK_KAFKA = "stock_kafka"
STOCK_SLACK = "stock_slack"
STOCK_PAGERDUTY = "stock_pagerduty"
STOCK_SCHEMA_REGISTRY = "stock_schema_registry"

_HIGHEST_PORT = 65535
_TRUE, _FALSE = {"true", "1", "yes", "on"}, {"false", "0", "no", "off"}
_SECRET = re.compile(r"password|secret|token|credential|key|pem|jaas|user\.info|login|oauthbearer\.config")
# librdkafka takes a protocol before each address too.
_BROKER = re.compile(r"(?:[A-Za-z_]+://)?(?:\[[0-9A-Fa-f:.]+\]|[^\s:,/@\[\]]+)(?::(?P<port>\d{1,5}))?")


class Given(Protocol):
    """A connection as Airflow gives it."""

    conn_id: str
    conn_type: str | None
    host: str | None
    port: int | None
    login: str | None
    password: str | None
    schema: str | None
    extra: str | None


@dataclass(frozen=True, slots=True)
class Rule:
    """What may be in a part.

    Attributes:
        allowed: in words
        read: gives the value as it is used; ValueError or TypeError: it is not allowed
    """

    allowed: str
    read: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Known:
    """What a connection may consist of.

    Attributes:
        conn_types: allowed types, which are the schemes of its URI
        parts: rules of host, port, login, password and schema; a part without a rule may not be set
        extras: rules of the extra's keys (a URI's query); None: any key, somebody else knows them
        hint: where what is set in the wrong place belongs
    """

    conn_types: tuple[str, ...]
    parts: Mapping[str, Rule]
    extras: Mapping[str, Rule] | None
    hint: str


def _text(value: Any) -> str:  # noqa: ANN401 - whatever a person wrote
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _one_word(value: Any) -> str:  # noqa: ANN401 - as above
    """A token travels in a header: a line break in it would be an error that shows it."""
    if not re.fullmatch(r"[!-~]+", _text(value)):
        raise ValueError
    return str(value)


def _host(value: Any) -> str:  # noqa: ANN401 - as above
    if not re.fullmatch(r"[^\s/@,?#\[\]]+", _text(value)):
        raise ValueError
    return str(value)


def _whole(low: int, high: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:  # noqa: ANN401 - as above
        if isinstance(value, bool) or not re.fullmatch(r"[0-9]+", str(value)) or not low <= int(value) <= high:
            raise ValueError
        return int(value)

    return read


def _flag(value: Any) -> bool:  # noqa: ANN401 - as above
    """A URI has texts only, and there "false" is no."""
    word = str(value).lower()
    if word not in _TRUE | _FALSE:
        raise ValueError
    return word in _TRUE


def _one_of(*words: str) -> Rule:
    def read(value: Any) -> str:  # noqa: ANN401 - as above
        if value not in words:
            raise ValueError
        return str(value)

    return Rule(" or ".join(words), read)


def _url(*schemes: str) -> Rule:
    def read(value: Any) -> str:  # noqa: ANN401 - as above
        if not re.fullmatch(rf"(?:{'|'.join(schemes)})://[^\s]+", _text(value)):
            raise ValueError
        return str(value)

    return Rule(f"a URL that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}", read)


def _addresses(port: int) -> Callable[[Any], tuple[tuple[str, int], ...]]:
    """Several hosts with commas between, each with its port or the usual one."""

    def one(text: str) -> tuple[str, int]:
        found = _BROKER.fullmatch(text)
        if found is None or "://" in text or not 1 <= int(found["port"] or port) <= _HIGHEST_PORT:
            raise ValueError
        host = text.removesuffix(f":{found['port']}") if found["port"] else text
        return host.strip("[]"), int(found["port"] or port)

    return lambda value: tuple(one(each.strip()) for each in _text(value).split(","))


_ADDRESSES = "host:port, or several with commas between"
_FLAG = Rule("true or false", _flag)
_FILE = Rule("the path of a file in PEM form", _text)
_TOKEN = Rule("text without spaces and line breaks", _one_word)
_WORD = Rule("text", _text)
_PORT = Rule(f"a number from 1 to {_HIGHEST_PORT}", _whole(1, _HIGHEST_PORT))
_DATABASE = Rule("the number of a database", _whole(0, 2**31 - 1))

REDIS_TLS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")

KNOWN: Mapping[str, Known] = {
    STOCK_REDIS: Known(
        conn_types=("redis", "rediss"),
        parts={
            "host": Rule("the name or address of one server, reached by TCP", _host),
            "port": _PORT,
            "login": _WORD,
            "password": _WORD,
            "schema": _DATABASE,
        },
        extras={
            "db": _DATABASE,
            "cluster": _FLAG,
            "startup_nodes": Rule(_ADDRESSES, _addresses(6379)),
            "sentinels": Rule(_ADDRESSES, _addresses(26379)),
            "master_name": _TOKEN,
            "sentinel_username": _WORD,
            "sentinel_password": _WORD,
            "ssl": _FLAG,
            "ssl_cert_reqs": _one_of("required", "optional", "none"),
            "ssl_check_hostname": _FLAG,
            **dict.fromkeys(REDIS_TLS, _FILE),
        },
        hint="redis://user:password@host:6379/0, or rediss:// for TLS",
    ),
    STOCK_KAFKA: Known(
        conn_types=("kafka",),
        parts={},
        extras=None,
        hint="properties of librdkafka in the extra, such as bootstrap.servers, sasl.username and sasl.password",
    ),
    STOCK_SLACK: Known(
        conn_types=("slack",),
        parts={"password": _TOKEN},
        extras={
            "base_url": _url("https", "http"),
            "timeout": Rule("seconds, a number from 1 to 300", _whole(1, 300)),
            "proxy": _url("https", "http"),
        },
        hint="the token of a Slack app in the password, and extras base_url, timeout, proxy",
    ),
    STOCK_PAGERDUTY: Known(
        conn_types=("pagerduty", "pagerduty_events"),
        parts={"password": _TOKEN},
        extras={"routing_key": _TOKEN, "base_url": _url("https"), "ca_file": _FILE},
        hint="the integration key in the password or the extra routing_key, and extras base_url, ca_file",
    ),
    STOCK_SCHEMA_REGISTRY: Known(
        conn_types=("http", "https"),
        parts={"login": _WORD, "password": _WORD},
        extras=dict.fromkeys(("ca_file", "cert_file", "key_file"), _FILE),
        hint="login, password, and extras ca_file, cert_file, key_file; the address is STOCK_SYNC_SCHEMA_REGISTRY_URL",
    ),
}


@dataclass(frozen=True, slots=True)
class Parts:
    """A connection whose every part is understood; what is not set is None, or not in the extra.

    Attributes:
        conn_type: None where nobody wrote one
        schema: of Redis, the number of the database
        extra: by key
    """

    conn_type: str | None
    host: Any
    port: Any
    login: Any
    password: Any
    schema: Any
    extra: dict[str, Any]


def understood(given: Given) -> Parts:
    """Read every part of a connection by the rules of its name.

    Raises:
        BadSetting: a part is set that has no use, or not as it is allowed.
    """
    known = KNOWN[given.conn_id]
    if given.conn_type is not None and given.conn_type not in known.conn_types:
        if not given.conn_type:  # a text without a scheme, and it may be a password
            raise unreadable(given.conn_id)
        raise refused(given.conn_id, f"type {printable(given.conn_type)!r}", " or ".join(known.conn_types))
    fields = {name: _field(given, name, known) for name in ("host", "port", "login", "password", "schema")}
    extra = {name: value for name, value in _extra(given).items() if value not in (None, "")}
    if known.extras is not None:
        extra = {name: _of_extra(given.conn_id, name, value, known.extras) for name, value in extra.items()}
    return Parts(given.conn_type, **fields, extra=extra)


def unreadable(conn_id: str, where: str = "") -> BadSetting:
    """Say that a connection is set and cannot be read, without showing what may hold a password."""
    return BadSetting(
        f"connection {conn_id} is set{where} and cannot be read; allowed: JSON with conn_type, host, port, login, "
        "password, schema and extra (itself an object), or a URI of these parts, each percent-encoded and set once"
    )


def refused(conn_id: str, what: str, allowed: str) -> BadSetting:
    """Say that something in a connection cannot be used, and what can."""
    return BadSetting(f"connection {conn_id}: {what}; allowed: {allowed}")


def is_whole(text: str) -> bool:
    """Whether Airflow uses all of a connection's text; of a URI it drops some parts without a word.

    Namely what follows a #, such as the rest of a password that was not percent-encoded, all but the last of a key's
    values, and every other key beside __extra__.
    """
    if text.lstrip().startswith("{"):
        return True
    query = [name for name, _ in parse_qsl(urlsplit(text).query, keep_blank_values=True)]
    return "#" not in text and len(query) == len(set(query)) and not ("__extra__" in query and len(query) > 1)


def kafka_arguments(given: Given) -> dict[str, Any]:
    """What a Kafka client is made with; that its properties exist is librdkafka's to say.

    Raises:
        BadSetting: a part is not allowed, or would be without effect.
    """
    extra = understood(given).extra
    name = given.conn_id
    servers = extra.get("bootstrap.servers")
    brokers = [each.strip() for each in servers.split(",")] if isinstance(servers, str) else []
    if not brokers or not all(_is_broker(each) for each in brokers):
        shown = repr(printable(str(servers).rpartition("@")[2])) if servers else "not set"
        raise refused(name, f"extra 'bootstrap.servers' {shown}", "host:port, or several with commas between")
    for option, value in extra.items():
        if not isinstance(value, str | int | float):  # a client would take how Python writes it
            raise refused(name, f"extra {printable(option)!r}, which is a {type(value).__name__}", "text or a number")
    for option, ours in _FIXED.items():
        if option in extra and str(extra[option]).lower() not in ours:
            raise refused(name, f"extra {option!r}={extra[option]!r}", f"{ours[0]}, because delivery depends on it")
    if "transactional.id" in extra:
        raise refused(name, "extra 'transactional.id'", "nothing: events are idempotent, not in transactions")
    protocol = str(extra.get("security.protocol", "plaintext")).lower()
    for prefix in ("sasl", "ssl"):
        useless = [option for option in extra if option.startswith(f"{prefix}.")]
        if useless and prefix not in protocol.split("_"):
            raise refused(
                name,
                f"extra {useless[0]!r} with 'security.protocol'={printable(protocol)!r}, where it has no effect",
                f"security.protocol {'SASL_SSL or SASL_PLAINTEXT' if prefix == 'sasl' else 'SSL or SASL_SSL'} with it",
            )
    return extra


def without_secrets(text: str, values: Mapping[str, Any]) -> str:
    """Take the secret values of an extra out of what a driver says about it."""
    for name, value in values.items():
        if _SECRET.search(name) and isinstance(value, str) and value:
            text = text.replace(value, "…")
    return text


_FIXED: Mapping[str, tuple[str, ...]] = {
    **{option: (str(value).lower(),) for option, value in kafka_source.CONSUMER.items()},
    "enable.idempotence": ("true",),
    "acks": ("all", "-1"),
    "request.required.acks": ("all", "-1"),
}


def _is_broker(text: str) -> bool:
    found = _BROKER.fullmatch(text)
    return found is not None and 1 <= int(found["port"] or 1) <= _HIGHEST_PORT


def _field(given: Given, name: str, known: Known) -> Any:  # noqa: ANN401 - as its rule has it
    value = getattr(given, name)
    if value in (None, ""):
        return None
    if name not in known.parts:
        raise refused(given.conn_id, f"{name} is set and has no use", known.hint)
    rule = known.parts[name]
    try:
        return rule.read(value)
    except (ValueError, TypeError):
        # What stands before an @ in a host may be a password that was not percent-encoded.
        shown = "" if name in {"login", "password"} else f" {printable(str(value).rpartition('@')[2])!r}"
        raise refused(given.conn_id, f"{name}{shown}", rule.allowed) from None


def _extra(given: Given) -> dict[str, Any]:
    if not given.extra:
        return {}
    try:
        extra = json.loads(given.extra)
    except ValueError:
        raise unreadable(given.conn_id) from None
    if not isinstance(extra, dict):
        raise unreadable(given.conn_id)
    return extra


def _of_extra(conn_id: str, name: str, value: Any, rules: Mapping[str, Rule]) -> Any:  # noqa: ANN401 - as its rule has it
    if name not in rules:
        raise refused(conn_id, f"extra {printable(name)!r} is not known{_hint(name, rules)}", ", ".join(rules))
    try:
        return rules[name].read(value)
    except (ValueError, TypeError):
        shown = "" if _SECRET.search(name) else f"={printable(str(value).rpartition('@')[2])!r}"
        raise refused(conn_id, f"extra {name!r}{shown}", rules[name].allowed) from None


def _hint(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""
