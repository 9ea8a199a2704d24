"""Settings, their defaults, and what a person reads who mistyped one."""

import os

import pytest

from stocksync.errors import BadSetting
from stocksync.settings import Settings

# As the contract names them; typed by hand.
DEFAULTS = {
    "products_table": "products",
    "id_column": "id",
    "stock_column": "stock",
    "held_column": None,
    "name_column": None,
    "holds_index": None,
    "holds_entry": None,
    "holds_key": None,
    "key_prefix": "stock:",
    "topic": "stock.sync.alert",
    "dlq_topic": None,
    "schema_registry_url": None,
    "schema_registration": "never",
    "batch_size": 1000,
    "max_mapped_tasks": 64,
    "max_active_ranges": 16,
    "max_products_per_second": 0,
    "auto_restore_limit": 10,
    "settle_seconds": 2,
    "missing_key_policy": "zero",
    "missing_keys_alarm": 20,
    "alarm_above": 0,
    "timezone": "Asia/Seoul",
    "run_timeout_minutes": 30,
    "history_days": 400,
    "locale": "ko",
    "slack_mention": "@backend-team",
}

ENTRY = "(?P<product>[a-z]+):(?P<quantity>[0-9]+)$"
BAD = [
    ("PRODUCTS_TABLE", "a.b.c"), ("PRODUCTS_TABLE", "a."), ("PRODUCTS_TABLE", ".b"),
    ("KEY_PREFIX", "sync:stock:"), ("KEY_PREFIX", "sync:"),
    ("TOPIC", "two words"), ("TOPIC", ".."), ("TOPIC", "x" * 250), ("TOPIC", "é"),
    ("DLQ_TOPIC", "two words"), ("DLQ_TOPIC", "stock.sync.alert"),
    ("SLACK_MENTION", "<!everyone>"), ("SLACK_MENTION", "<@backend-team>"), ("SLACK_MENTION", "<!subteam^backend>"),
    ("SLACK_MENTION", "<https://evil.example|us>"), ("SLACK_MENTION", "<!here> *now*"), ("SLACK_MENTION", "@a\n@b"),
    ("SCHEMA_REGISTRY_URL", "registry:8081"), ("SCHEMA_REGISTRY_URL", "ftp://registry"),
    ("SCHEMA_REGISTRATION", "auto"), ("SCHEMA_REGISTRATION", "true"),
    ("BATCH_SIZE", "0"), ("BATCH_SIZE", "-1"), ("BATCH_SIZE", "100001"), ("BATCH_SIZE", "many"), ("BATCH_SIZE", "1.5"),
    ("MAX_MAPPED_TASKS", "0"), ("MAX_MAPPED_TASKS", "1025"),
    ("MAX_ACTIVE_RANGES", "0"), ("MAX_PRODUCTS_PER_SECOND", "-1"), ("MAX_PRODUCTS_PER_SECOND", "fast"),
    ("AUTO_RESTORE_LIMIT", "-1"), ("AUTO_RESTORE_LIMIT", "2147483648"), ("AUTO_RESTORE_LIMIT", "ten"),
    ("SETTLE_SECONDS", "-0.1"), ("SETTLE_SECONDS", "61"), ("SETTLE_SECONDS", "nan"), ("SETTLE_SECONDS", "inf"),
    ("MISSING_KEY_POLICY", "Zero"), ("MISSING_KEY_POLICY", "delete"),
    ("MISSING_KEYS_ALARM", "-1"), ("MISSING_KEYS_ALARM", "101"), ("MISSING_KEYS_ALARM", "20%"),
    ("ALARM_ABOVE", "-1"), ("ALARM_ABOVE", "many"),
    ("TIMEZONE", "Seoul"), ("TIMEZONE", "+09:00"), ("TIMEZONE", "../etc/passwd"),
    ("HISTORY_DAYS", "30"), ("HISTORY_DAYS", "3651"),
    ("RUN_TIMEOUT_MINUTES", "0"), ("RUN_TIMEOUT_MINUTES", "56"),
    ("HOLDS_INDEX", "sync:holds"),
    ("HOLDS_ENTRY", "("), ("HOLDS_ENTRY", "(?P<product>.+)"),
    ("HOLDS_ENTRY", "(?P<product>.)(?P<quantity>.)(?P<sku>.)"),
    ("HOLDS_KEY", "hold"), ("HOLDS_KEY", "hold:{sku}"), ("HOLDS_KEY", "hold:{"), ("HOLDS_KEY", "hold:{order!r}"),
    ("LOCALE", "jp"), ("LOCALE", "KO"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    for name in [name for name in os.environ if name.upper().startswith("STOCK_SYNC_")]:
        monkeypatch.delenv(name)


def test_the_defaults_are_the_agreed_ones():
    settings = Settings.load()

    assert {name: getattr(settings, name) for name in DEFAULTS} == DEFAULTS
    assert set(Settings.model_fields) - set(DEFAULTS) == {"slack_channel"}


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_value_is_refused_naming_the_variable_the_value_and_what_is_allowed(name, value, monkeypatch):
    variable = f"STOCK_SYNC_{name}"
    monkeypatch.setenv(variable, value)

    with pytest.raises(BadSetting) as refused:
        Settings.load()

    allowed = Settings.model_fields[name.lower()].json_schema_extra["allowed"]
    assert allowed
    assert str(refused.value) == f"{variable}={value!r} is not allowed; allowed: {allowed}"


def test_every_setting_that_can_be_bad_has_a_bad_example_here():
    free_text = {"id_column", "stock_column", "held_column", "name_column", "slack_channel"}

    assert {name.lower() for name, _ in BAD} | free_text == set(Settings.model_fields)


def test_several_bad_values_are_told_at_once(monkeypatch):
    monkeypatch.setenv("STOCK_SYNC_BATCH_SIZE", "0")
    monkeypatch.setenv("STOCK_SYNC_LOCALE", "jp")

    with pytest.raises(BadSetting, match=r"STOCK_SYNC_BATCH_SIZE='0' .*; STOCK_SYNC_LOCALE='jp' "):
        Settings.load()


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("PRODUCTS_TABLE", "shop.products", "shop.products"),
        ("KEY_PREFIX", "재고:", "재고:"),
        ("BATCH_SIZE", "100000", 100_000),
        ("AUTO_RESTORE_LIMIT", "0", 0),
        ("SETTLE_SECONDS", "0", 0),
        ("SETTLE_SECONDS", "0.25", 0.25),
        ("MISSING_KEY_POLICY", "ignore", "ignore"),
        ("TIMEZONE", "UTC", "UTC"),
        ("RUN_TIMEOUT_MINUTES", "55", 55),
        ("SLACK_MENTION", "", "@backend-team"),
        ("SLACK_MENTION", "@backend_team & friends", "@backend_team & friends"),
        (
            "SLACK_MENTION",
            "백엔드팀 <!subteam^SAZ94GDB8|@backend> <@U024BE7LH>",
            "백엔드팀 <!subteam^SAZ94GDB8|@backend> <@U024BE7LH>",
        ),
        ("DLQ_TOPIC", "", None),
        ("DLQ_TOPIC", "dead.letters", "dead.letters"),
        ("SCHEMA_REGISTRY_URL", "", None),
    ],
)
def test_a_good_value_is_taken_and_an_empty_one_is_the_default(name, value, read, monkeypatch):
    monkeypatch.setenv(f"STOCK_SYNC_{name}", value)

    assert getattr(Settings.load(), name.lower()) == read


@pytest.mark.parametrize(
    ("environment", "dead_letters"),
    [
        ({}, "stock.sync.alert.dlq"),
        ({"TOPIC": "shop.alerts"}, "shop.alerts.dlq"),
        ({"TOPIC": "shop.alerts", "DLQ_TOPIC": "shop.dead"}, "shop.dead"),
    ],
)
def test_unreadable_messages_go_beside_the_topic_or_where_the_setting_says(environment, dead_letters, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(f"STOCK_SYNC_{name}", value)

    assert Settings.load().dead_letter_topic == dead_letters


def test_a_mention_that_calls_nobody_and_a_format_confluent_cannot_read_are_named_at_the_start(monkeypatch):
    mention, magic_byte = Settings.load().advice()
    assert "STOCK_SYNC_SLACK_MENTION='@backend-team'" in mention
    assert "<!subteam^ID>" in mention
    assert "Invalid magic byte" in magic_byte

    monkeypatch.setenv("STOCK_SYNC_SLACK_MENTION", "<!subteam^S123>")
    monkeypatch.setenv("STOCK_SYNC_SCHEMA_REGISTRY_URL", "http://registry:8081")
    assert Settings.load().advice() == []


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"HELD_COLUMN": "held", "HOLDS_INDEX": "holds", "HOLDS_ENTRY": ENTRY}, "are both set; allowed: one of them"),
        ({"HOLDS_INDEX": "holds"}, "allowed: index and entry together"),
        ({"HOLDS_ENTRY": ENTRY}, "allowed: index and entry together"),
        ({"HOLDS_KEY": "hold:{product}"}, "allowed: index and entry together"),
        (
            {"HOLDS_INDEX": "holds", "HOLDS_ENTRY": ENTRY, "HOLDS_KEY": "hold:{order}"},
            "STOCK_SYNC_HOLDS_KEY='hold:{order}' does not fit STOCK_SYNC_HOLDS_ENTRY=.*no group 'order'",
        ),
    ],
)
def test_settings_of_holds_that_do_not_go_together_are_refused(given, complaint, monkeypatch):
    for name, value in given.items():
        monkeypatch.setenv(f"STOCK_SYNC_{name}", value)

    with pytest.raises(BadSetting, match=complaint):
        Settings.load()


def test_settings_do_not_change_once_read():
    with pytest.raises(ValueError, match="frozen"):
        Settings.load().batch_size = 5


def test_an_unknown_variable_is_named_with_the_setting_it_resembles():
    environment = {"STOCK_SYNC_BATCHSIZE": "5", "STOCK_SYNC_TOPIC": "t", "STOCK_SYNC_ZZZZ": "", "PATH": "/bin"}

    assert Settings.unknown(environment) == [
        "STOCK_SYNC_BATCHSIZE is not a setting and has no effect; did you mean STOCK_SYNC_BATCH_SIZE?",
        "STOCK_SYNC_ZZZZ is not a setting and has no effect",
    ]


def test_a_dag_is_parsed_whatever_the_environment_holds_and_good_values_stay(monkeypatch):
    for name, value in dict(BAD).items():
        monkeypatch.setenv(f"STOCK_SYNC_{name}", value)
    monkeypatch.setenv("STOCK_SYNC_BATCH_SIZE", "500")
    settings = Settings.for_parsing()

    assert settings.batch_size == 500
    assert settings.timezone == "Asia/Seoul"
    assert settings.zone.key == "Asia/Seoul"
    assert {n: getattr(settings, n) for n in DEFAULTS if n != "batch_size"} == {
        n: v for n, v in DEFAULTS.items() if n != "batch_size"
    }
