"""The settings of a deployment: business thresholds and names, from the environment, prefix STOCK_SYNC_.

Secrets and hosts are Airflow connections; what holds for one run only is a param of the DAG.
"""

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from difflib import get_close_matches
from enum import StrEnum
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, HttpUrl, ValidationError, ValidationInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from stocksync.errors import BadSetting
from stocksync.model import mention
from stocksync.model.holds import HoldsFormat, entry_pattern, key_parts
from stocksync.model.policy import MissingKeyPolicy
from stocksync.model.run_scale import AlarmLimits, is_mass_loss

PREFIX = "STOCK_SYNC_"
INT32_MAX = 2**31 - 1
_DEFAULT_TOPIC = "stock.sync.alert"
_CREDENTIALS = re.compile(r"//.*@", re.DOTALL)


class Locale(StrEnum):
    """Language of the messages to operators."""

    KO = "ko"
    EN = "en"


def _table(value: str) -> str:
    parts = value.split(".")
    if len(parts) > 2 or not all(parts):  # noqa: PLR2004 - a name, or a schema and a name
        raise ValueError
    return value


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, IsADirectoryError) as error:
        raise ValueError from error
    return value


def _key_prefix(value: str) -> str:
    if not value or value.startswith("sync:"):
        raise ValueError
    return value


def _topic(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", value) or value in {".", ".."}:
        raise ValueError
    return value


def _dead_letters(value: str | None, info: ValidationInfo) -> str | None:
    """Unreadable messages in the topic they come from would be read, and put aside, again and again."""
    if value is not None and _topic(value) == info.data.get("topic", _DEFAULT_TOPIC):
        raise ValueError
    return value


def _holds_entry(value: str) -> str:
    entry_pattern(value)
    return value


def _holds_key(value: str) -> str:
    key_parts(value)
    return value


def _registry(value: HttpUrl) -> HttpUrl:
    if value.query or value.fragment:
        raise ValueError
    return value


def _setting(default: Any, allowed: str, meaning: str, **constraints: Any) -> Any:  # noqa: ANN401 - a pydantic field
    return Field(default=default, description=meaning, json_schema_extra={"allowed": allowed}, **constraints)


class Registration(StrEnum):
    """Whether a run may register the event's schema."""

    NEVER = "never"
    ALLOWED = "allowed"


class Settings(BaseSettings):
    """Every setting with its default, its meaning and what is allowed."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, env_ignore_empty=True, extra="forbid")

    products_table: Annotated[str, AfterValidator(_table)] = _setting(
        "products", "a table or view, `name` or `schema.name`", "where the ledger is"
    )
    id_column: str = _setting("id", "a column name", "the product's id: text, uuid or an integer type", min_length=1)
    stock_column: str = _setting("stock", "a column name", "the stock: an integer type", min_length=1)
    held_column: str | None = _setting(
        None,
        "a column name, or empty",
        "units on hold, of the same table or view: a counter is then held against the stock less these",
        min_length=1,
    )
    holds_index: Annotated[str, AfterValidator(_key_prefix)] | None = _setting(
        None,
        "a key that is a sorted set, a set or a hash, not under `sync:`, or empty",
        "Redis key of what open orders hold: a counter is then held against the stock less these",
    )
    holds_entry: Annotated[str, AfterValidator(_holds_entry)] | None = _setting(
        None,
        "a regular expression with the groups `product`, `quantity` and perhaps `order`, or empty",
        "finds product and units in the bytes of an entry of the index; of a hash, an entry is field, `:`, value",
    )
    holds_key: Annotated[str, AfterValidator(_holds_key)] | None = _setting(
        None,
        "text with `{order}`, `{product}` or `{quantity}`, groups of the entry, or empty",
        "an entry counts while this Redis key exists, and is in doubt without it",
    )
    name_column: str | None = _setting(
        None,
        "a column name, or empty",
        "what a product is called, of the same table or view: people read it beside the id",
        min_length=1,
    )
    key_prefix: Annotated[str, AfterValidator(_key_prefix)] = _setting(
        "stock:", "text, not empty, not under `sync:`", "Redis key of a product is this and its id"
    )
    topic: Annotated[str, AfterValidator(_topic)] = _setting(
        _DEFAULT_TOPIC, "letters, digits, `.`, `_`, `-`", "Kafka topic of the events"
    )
    dlq_topic: Annotated[str | None, AfterValidator(_dead_letters)] = _setting(
        None,
        "letters, digits, `.`, `_`, `-`, another one than TOPIC, or empty",
        "Kafka topic of the messages nobody can read; empty: `{TOPIC}.dlq`",
    )
    schema_registry_url: Annotated[HttpUrl, AfterValidator(_registry)] | None = _setting(
        None,
        "an http(s) URL, or empty",
        "Confluent schema registry; without it events are Avro single objects, which Confluent's deserializers refuse "
        '("Invalid magic byte")',
    )
    schema_registration: Registration = _setting(
        Registration.NEVER,
        "`never` or `allowed`",
        "whether a run may register the event's schema under `{TOPIC}-value`, or only looks up its id",
    )
    batch_size: int = _setting(1000, "an integer from 1 to 100000", "product ids in a batch", ge=1, le=100_000)
    max_mapped_tasks: int = _setting(
        64, "an integer from 1 to 1024", "most reconcile tasks a run is cut into", ge=1, le=1024
    )
    max_active_ranges: int = _setting(
        16, "an integer from 1 to 1024", "most ranges of one run that are worked on at the same time", ge=1, le=1024
    )
    max_products_per_second: int = _setting(
        0,
        "an integer from 0 to 100000000",
        "most products a second that a run reads, all its ranges together, to spare a shared Redis; 0: no limit",
        ge=0,
        le=100_000_000,
    )
    auto_restore_limit: int = _setting(
        10,
        "an integer from 0 to 2147483647",
        "largest difference that is restored without a person",
        ge=0,
        le=INT32_MAX,
    )
    settle_seconds: float = _setting(
        2.0,
        "a number from 0 to 60",
        "how long a difference must stand unchanged before it is believed: longer than an order takes "
        "to reach both stores",
        ge=0,
        le=60,
    )
    missing_key_policy: MissingKeyPolicy = _setting(
        MissingKeyPolicy.ZERO,
        "`zero`, `restore` or `ignore`",
        "a product without a key counts as 0, is always restored, or is left alone",
    )
    missing_keys_alarm: int = _setting(
        20,
        "an integer from 0 to 100",
        "percent of the counters that are gone, and at least 100, from which on people are told of one loss instead of "
        "its products; 0: never",
        ge=0,
        le=100,
    )
    alarm_above: int = _setting(
        0,
        "an integer from 0 to 2147483647",
        "more discrepancies in a run than these are one urgent message; 0: any number is told one by one",
        ge=0,
        le=INT32_MAX,
    )
    timezone: Annotated[str, AfterValidator(_time_zone)] = _setting(
        "Asia/Seoul", "a time zone name such as `Asia/Seoul`", "of the schedule and of a run's date"
    )
    run_timeout_minutes: int = _setting(
        30, "an integer from 1 to 55", "time limit of a run; below the lock's hour", ge=1, le=55
    )
    history_days: int = _setting(
        400, "an integer from 31 to 3650", "days for which the operations store keeps its history", ge=31, le=3650
    )
    locale: Locale = _setting(Locale.KO, "`ko` or `en`", "language of the messages to operators")
    slack_channel: str = _setting(
        "#stock-alerts", "a channel name or id", "where messages and the report go", min_length=1
    )
    slack_mention: Annotated[str, AfterValidator(mention.checked)] = _setting(
        "@backend-team",
        "one line of text, in it `<!subteam^ID>`, `<@ID>`, `<!here>` or `<!channel>`, beside those no `*`, `_`, `~` "
        "or backtick",
        "whom a message about a large difference names; only those four forms call somebody",
    )

    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the environment, or raise BadSetting naming every bad variable, its value and what it may be."""
        environment = os.environ if environment is None else environment
        try:
            settings = cls()
        except ValidationError as error:
            complaints = [cls._complaint(name, environment) for name in cls._bad_fields(error)]
            raise BadSetting("; ".join(complaints)) from None
        _ = settings.holds
        return settings

    @classmethod
    def for_parsing(cls) -> Self:
        """Settings a DAG file can be parsed with whatever the environment holds.

        A bad value falls back to its default here, so that the run starts and fails in its first task with
        the message of `load`, where an operator looks, instead of the DAG vanishing from the UI.
        """
        try:
            return cls()
        except ValidationError as error:
            return cls(**{name: cls.model_fields[name].default for name in cls._bad_fields(error)})

    @staticmethod
    def unknown(environment: Mapping[str, str]) -> list[str]:
        """Name each variable with our prefix that is no setting, with the setting it resembles."""
        known = [name.upper() for name in Settings.model_fields]
        warnings = []
        for variable in sorted(environment):
            name = variable.removeprefix(PREFIX)
            if name != variable and name not in known:
                close = get_close_matches(name, known, n=1)  # without the prefix, which resembles itself in any name
                hint = f"; did you mean {PREFIX}{close[0]}?" if close else ""
                warnings.append(f"{variable} is not a setting and has no effect{hint}")
        return warnings

    @property
    def time_limit(self) -> timedelta:
        """How long a run may take."""
        return timedelta(minutes=self.run_timeout_minutes)

    def pace(self, ranges: int) -> float | None:
        """A range's part of the limit on reading, in products a second; None: no limit.

        As many ranges of a run as may be active together never exceed the run's limit.

        Args:
            ranges: how many the run has
        """
        if self.max_products_per_second == 0:
            return None
        return self.max_products_per_second / min(self.max_active_ranges, ranges)

    @property
    def dead_letter_topic(self) -> str:
        """The Kafka topic of the messages nobody can read."""
        return self.dlq_topic or f"{self.topic}.dlq"

    @property
    def holds(self) -> HoldsFormat | None:
        """How holds in Redis are written; None: there are none.

        Raises:
            BadSetting: the settings of the holds do not go together
        """
        index, entry, key = self.holds_index, self.holds_entry, self.holds_key
        if index and self.held_column:
            raise BadSetting(
                f"{PREFIX}HELD_COLUMN={self.held_column!r} and {PREFIX}HOLDS_INDEX={index!r} are both set; allowed: "
                "one of them, or a hold that is in both would be taken off twice"
            )
        if index is None or entry is None:
            if index or entry or key:
                given = f"INDEX={index!r}, {PREFIX}HOLDS_ENTRY={entry!r}, {PREFIX}HOLDS_KEY={key!r}"
                raise BadSetting(f"{PREFIX}HOLDS_{given}; allowed: index and entry together, the key only with them")
            return None
        try:
            return HoldsFormat.of(entry, key)
        except ValueError as error:
            raise BadSetting(
                f"{PREFIX}HOLDS_KEY={key!r} does not fit {PREFIX}HOLDS_ENTRY={entry!r}: {error}; "
                "allowed: groups that the entry has"
            ) from error

    @property
    def alarm_limits(self) -> AlarmLimits:
        """From where on a run is told in one piece."""
        return AlarmLimits(self.missing_keys_alarm, self.alarm_above)

    def loss_is_told(self, products: int) -> bool:
        """Whether people are told of a cache that lost everything when its run is told.

        Args:
            products: how many the ledger has
        """
        events = self.missing_key_policy is not MissingKeyPolicy.IGNORE
        return events and is_mass_loss(products, 0, self.missing_keys_alarm)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the schedule and of a run's date."""
        return ZoneInfo(self.timezone)

    def advice(self) -> list[str]:
        """Name what is allowed and seldom meant, for the log of a run's first task."""
        if self.schema_registry_url is not None:
            return self.advice_on_mention()
        return [
            *self.advice_on_mention(),
            (
                f"{PREFIX}SCHEMA_REGISTRY_URL is not set, so events are Avro single objects: Confluent's deserializers "
                'refuse them ("Invalid magic byte"); readers take a library for single objects, or set the registry'
            ),
        ]

    def advice_on_mention(self) -> list[str]:
        """Say where a mention calls nobody."""
        if mention.calls_somebody(self.slack_mention):
            return []
        return [
            (
                f"{PREFIX}SLACK_MENTION={self.slack_mention!r} is plain text to Slack and calls nobody; what does: "
                "<!subteam^ID> (a user group), <@ID> (a person), <!here>, <!channel>"
            )
        ]

    @staticmethod
    def _bad_fields(error: ValidationError) -> list[str]:
        return sorted({str(item["loc"][0]).removeprefix(PREFIX.lower()) for item in error.errors()})

    @classmethod
    def _complaint(cls, name: str, environment: Mapping[str, str]) -> str:
        variable = PREFIX + name.upper()
        value = next((v for k, v in environment.items() if k.upper() == variable), "")
        extra = cls.model_fields[name].json_schema_extra
        allowed = extra["allowed"] if isinstance(extra, dict) else ""
        value = _CREDENTIALS.sub("//…@", value)
        return f"{variable}={value!r} is not allowed; allowed: {allowed}"
