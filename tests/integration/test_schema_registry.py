"""The event's schema in a registry, from the wiring with Airflow's connections to the bytes on the topic."""

import json
import logging
import ssl

import pytest
import trustme
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from stocksync.adapters.avro import UnknownEncoding
from stocksync.errors import BadSetting, RegistryUnavailable
from stocksync.settings import Settings
from tests.kit.fakes.registry import FakeRegistry, Formats
from tests.kit.paths import SCHEMA

TOPIC = "stock.sync.alert"
SUBJECT = f"{TOPIC}-value"
TEXT = json.dumps(json.loads(SCHEMA.read_text()))
EVENT = {
    "eventId": "an id",
    "eventTimestamp": 1,
    "productId": "상품-1",
    "dbStock": 5,
    "redisStock": 3,
    "discrepancy": 2,
    "action": "REDIS_RESTORED",
    "severity": "LOW",
    "detectedAt": 1,
}


def without_docs():
    """Another team's copy: the same fields, no documentation."""
    raw = json.loads(TEXT)
    raw.pop("doc")
    raw["fields"] = [{k: v for k, v in field.items() if k != "doc"} for field in raw["fields"]]
    return json.dumps(raw)


def renamed(old, new):
    return json.dumps(json.loads(TEXT.replace(f'"{old}"', f'"{new}"')))


@pytest.fixture(scope="session")
def formats(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))
    from stocksync.entrypoints import connections  # noqa: PLC0415 - Airflow reads the environment when it is imported

    yield Formats(connections)
    patch.undo()


@pytest.fixture(autouse=True)
def no_patience(monkeypatch):
    from stocksync.adapters import schema_registry  # noqa: PLC0415 - beside its patch

    monkeypatch.setitem(schema_registry.DEFAULTS, "retries.wait.ms", 1)
    monkeypatch.setitem(schema_registry.DEFAULTS, "timeout", 2)


@pytest.fixture
def registry():
    with FakeRegistry() as made:
        yield made


@pytest.fixture
def settings(registry, monkeypatch):
    """Make settings as a deployment does."""

    def load(url=registry.url, registration="never"):
        monkeypatch.setenv("STOCK_SYNC_SCHEMA_REGISTRY_URL", url)
        monkeypatch.setenv("STOCK_SYNC_SCHEMA_REGISTRATION", registration)
        return Settings.load()

    return load


def test_without_a_registry_there_is_no_id_and_events_are_single_objects(formats):
    assert formats.schema_id(Settings()) is None
    assert formats.encoder(None).encode(EVENT)[:2] == b"\xc3\x01"


def test_the_id_is_looked_up_and_nothing_is_registered(formats, registry, settings):
    registry.register("other-value", '"string"')
    number = registry.register(SUBJECT, TEXT)
    assert (formats.schema_id(settings()), number) == (2, 2)
    assert registry.requests == [f"POST /subjects/{SUBJECT}?normalize=False&deleted=False"]


def test_a_copy_without_documentation_is_the_same_schema(formats, registry, settings):
    registry.register(SUBJECT, renamed("detectedAt", "foundAt"))
    number = registry.register(SUBJECT, without_docs())
    assert formats.schema_id(settings()) == number


def test_a_schema_nobody_registered_stops_the_run_and_the_message_tells_both_ways_out(formats, registry, settings):
    with pytest.raises(BadSetting) as stopped:
        formats.schema_id(settings())
    assert "STOCK_SYNC_SCHEMA_REGISTRATION='never'" in str(stopped.value)
    assert "STOCK_SYNC_SCHEMA_REGISTRATION=allowed" in str(stopped.value)
    assert registry.versions == {}


def test_where_it_is_allowed_the_run_registers_once_and_finds_it_afterwards(formats, registry, settings):
    first = formats.schema_id(settings(registration="allowed"))
    assert [formats.schema_id(settings()), formats.schema_id(settings(registration="allowed"))] == [first, first]
    assert registry.versions == {SUBJECT: [TEXT]}


def test_an_incompatible_schema_stops_the_run(formats, registry, settings):
    registry.register(SUBJECT, renamed("detectedAt", "foundAt"))
    registry.frozen = True
    with pytest.raises(BadSetting, match=r"STOCK_SYNC_SCHEMA_REGISTRY_URL=.*incompatible.*allowed: a schema that"):
        formats.schema_id(settings(registration="allowed"))


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_registry_in_trouble_is_tried_again_and_named(formats, registry, settings, status):
    registry.broken = status
    with pytest.raises(RegistryUnavailable, match=f"STOCK_SYNC_SCHEMA_REGISTRY_URL=.*{status}"):
        formats.schema_id(settings())
    assert len(registry.requests) == 3


def test_a_registry_that_is_not_there_is_named(formats, settings):
    with pytest.raises(RegistryUnavailable, match=r"STOCK_SYNC_SCHEMA_REGISTRY_URL='http://127.0.0.1:9'"):
        formats.schema_id(settings("http://127.0.0.1:9"))


def test_an_address_that_is_no_registry_is_named_with_an_example(formats, registry, settings):
    with pytest.raises(BadSetting, match=r"STOCK_SYNC_SCHEMA_REGISTRY_URL=.*/wrong.*allowed: the base URL"):
        formats.schema_id(settings(f"{registry.url}/wrong"))


def test_credentials_come_from_the_connection_or_the_url_and_are_never_shown(
    formats, registry, settings, monkeypatch, caplog
):
    caplog.set_level(logging.DEBUG)
    registry.register(SUBJECT, TEXT)
    registry.user = "reader:s3cr3t/@"
    with pytest.raises(BadSetting, match="401") as refused:
        formats.schema_id(settings())
    assert "stock_schema_registry" in str(refused.value)
    assert formats.schema_id(settings(f"http://reader:s3cr3t%2F%40@{registry.address}")) == 1
    with pytest.raises(BadSetting) as refused_again:
        formats.schema_id(settings(f"http://reader:wr0ng@{registry.address}"))
    assert "wr0ng" not in str(refused_again.value)
    raw = json.dumps({"conn_type": "http", "login": "reader", "password": "s3cr3t/@"})
    monkeypatch.setenv("AIRFLOW_CONN_STOCK_SCHEMA_REGISTRY", raw)
    assert formats.schema_id(settings()) == 1
    assert "s3cr3t" not in caplog.text
    assert "wr0ng" not in caplog.text


def test_a_url_that_is_none_is_refused_without_its_password(settings):
    with pytest.raises(BadSetting) as refused:
        settings("htp://reader:s3cr3t@registry")
    assert "STOCK_SYNC_SCHEMA_REGISTRY_URL='htp://…@registry'" in str(refused.value)


def test_https_needs_a_certificate_that_is_trusted(formats, settings, monkeypatch, tmp_path):
    authority, context, ca_file = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), tmp_path / "ca.pem"
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(ca_file)
    with FakeRegistry(tls=context) as registry:
        registry.register(SUBJECT, TEXT)
        with pytest.raises(BadSetting, match="ca_file"):
            formats.schema_id(settings(registry.url))
        raw = json.dumps({"conn_type": "http", "extra": {"ca_file": str(ca_file)}})
        monkeypatch.setenv("AIRFLOW_CONN_STOCK_SCHEMA_REGISTRY", raw)
        assert formats.schema_id(settings(registry.url)) == 1
        monkeypatch.setenv("AIRFLOW_CONN_STOCK_SCHEMA_REGISTRY", raw.replace(str(ca_file), "/nowhere.pem"))
        with pytest.raises(BadSetting, match=r"/nowhere\.pem"):
            formats.schema_id(settings(registry.url))


def test_the_bytes_are_those_of_confluents_own_serializer(formats, registry, settings):
    number = registry.register(SUBJECT, TEXT)
    client = SchemaRegistryClient({"url": registry.url})
    where = SerializationContext(TOPIC, MessageField.VALUE)
    theirs = AvroSerializer(client, TEXT, conf={"auto.register.schemas": False})
    value = formats.encoder(number).encode(EVENT)
    assert value == theirs(EVENT, where) == formats.encoder(formats.schema_id(settings())).encode(EVENT)
    assert AvroDeserializer(client, without_docs())(value, where) == EVENT


def test_the_consumer_reads_both_formats_and_asks_once_for_each_schema(formats, registry, settings):
    number = registry.register(SUBJECT, TEXT)
    reader = formats.reader(settings())
    for encoder in (formats.encoder(number), formats.encoder(None), formats.encoder(number)):
        assert reader.decode(encoder.encode(EVENT)) == EVENT
    assert registry.requests == [f"GET /schemas/ids/{number}"]


@pytest.mark.fault(21)
@pytest.mark.parametrize("schema", ['"string"', '{"type": "record"}', "no JSON"])
def test_a_schema_that_is_no_record_or_unknown_is_poison(formats, registry, settings, schema):
    reader = formats.reader(settings())
    number = registry.register("other-value", schema)
    with pytest.raises(UnknownEncoding, match="no Avro record"):
        reader.decode(formats.encoder(number).encode(EVENT))
    with pytest.raises(UnknownEncoding, match="schema id 99 is unknown"):
        reader.decode(formats.encoder(99).encode(EVENT))


def test_an_event_is_not_poison_because_the_registry_is_down(formats, registry, settings):
    number = registry.register(SUBJECT, TEXT)
    reader = formats.reader(settings())
    registry.broken = 503
    with pytest.raises(RegistryUnavailable):
        reader.decode(formats.encoder(number).encode(EVENT))
    registry.broken = None
    the_next_attempts = formats.reader(settings())
    assert the_next_attempts.decode(formats.encoder(number).encode(EVENT)) == EVENT


def test_a_schema_of_another_kind_is_poison(formats, registry, settings, monkeypatch):
    reader = formats.reader(settings())
    monkeypatch.setattr(SchemaRegistryClient, "get_schema", lambda *_: Schema(TEXT, "JSON"))
    with pytest.raises(UnknownEncoding, match="no Avro record"):
        reader.decode(formats.encoder(registry.register(SUBJECT, TEXT)).encode(EVENT))
