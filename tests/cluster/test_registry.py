"""A real schema registry with docker-compose.yaml's storage and init, and the program on top."""

import json
import secrets

import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from deploy.init import register_schema
from stocksync.adapters.avro import UnknownEncoding
from stocksync.errors import BadSetting
from stocksync.settings import Settings
from tests.kit.cluster.apicurio import API, VERSION, Apicurio
from tests.kit.cluster.compose_file import compose, environment_of, fresh_env
from tests.kit.cluster.deployed import run_script
from tests.kit.database import execute
from tests.kit.fakes.registry import Formats
from tests.kit.paths import SCHEMA
from tests.kit.services import java_or_skip
from tests.kit.subscriber import AGREED, EVENTS

pytestmark = pytest.mark.usefixtures("cluster")


@pytest.fixture(scope="module")
def registry(run_folder, postgres, tmp_path_factory):
    """Apicurio with the variables compose gives it, its database made by compose's script."""
    java_or_skip()
    owner = postgres.create_database("airflow")
    env = fresh_env(tmp_path_factory.mktemp("env"))
    run_script(postgres.programs, owner, "airflow-db.sql", **environment_of("airflow-db", env))
    storage = environment_of("schema-registry", env)
    storage["APICURIO_DATASOURCE_URL"] = storage["APICURIO_DATASOURCE_URL"].replace(
        "airflow-db:5432", f"127.0.0.1:{postgres.port}"
    )
    with Apicurio(run_folder, storage) as server:
        yield server
    for database in ("registry", "operations", "airflow"):
        postgres.drop_database(database)
    execute(postgres.uri, "DROP ROLE registry, stock_ops_owner, stock_ops_worker, stock_ops_page")


@pytest.fixture
def topic():
    return f"test.{secrets.token_hex(4)}"


@pytest.fixture
def formats(monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    from stocksync.entrypoints import connections  # noqa: PLC0415 - Airflow reads the environment when it is imported

    return Formats(connections)


@pytest.fixture
def settings(registry, topic):
    def of(registration="never"):
        return Settings(schema_registry_url=registry.url, topic=topic, schema_registration=registration)

    return of


def test_the_registry_is_the_one_compose_runs(tmp_path):
    assert compose()["services"]["schema-registry"]["image"].endswith(f":{VERSION}")
    url = environment_of("airflow-worker", fresh_env(tmp_path))["STOCK_SYNC_SCHEMA_REGISTRY_URL"]
    assert url.endswith(API)


def test_init_registers_what_a_run_looks_up_and_may_do_so_again(registry, topic, formats, settings):
    number = register_schema(registry.url, topic)
    assert [register_schema(registry.url, topic), formats.schema_id(settings())] == [number, number]
    client = SchemaRegistryClient({"url": registry.url})
    assert client.get_compatibility(f"{topic}-value") == "BACKWARD"
    where = SerializationContext(topic, MessageField.VALUE)
    value = formats.encoder(number).encode(EVENTS[0])
    assert AvroDeserializer(client, json.dumps(AGREED))(value, where) == EVENTS[0]
    assert formats.reader(settings()).decode(value) == EVENTS[0]


def test_the_schema_follows_the_agreed_version_by_the_registrys_own_rule(registry, topic, formats, settings):
    client = SchemaRegistryClient({"url": registry.url})
    subject = f"{topic}-value"
    agreed = client.register_schema(subject, Schema(json.dumps(AGREED), "AVRO"))
    client.set_compatibility(subject, "FULL_TRANSITIVE")
    assert client.test_compatibility(subject, Schema(SCHEMA.read_text(), "AVRO"))
    assert formats.schema_id(settings()) == agreed


def test_an_unknown_schema_stops_the_run_unless_it_may_be_registered(topic, formats, settings):
    with pytest.raises(BadSetting, match="STOCK_SYNC_SCHEMA_REGISTRATION='never'"):
        formats.schema_id(settings())
    assert formats.schema_id(settings("allowed")) == formats.schema_id(settings())


def test_an_incompatible_schema_stops_the_run(registry, topic, formats, settings):
    client = SchemaRegistryClient({"url": registry.url})
    other = AGREED | {"fields": [{"name": "eventId", "type": "long"}]}
    client.register_schema(f"{topic}-value", Schema(json.dumps(other), "AVRO"))
    client.set_compatibility(f"{topic}-value", "BACKWARD")
    with pytest.raises(BadSetting, match="STOCK_SYNC_SCHEMA_REGISTRY_URL"):
        formats.schema_id(settings("allowed"))


@pytest.mark.fault(21)
def test_an_id_it_does_not_know_is_poison(formats, settings):
    with pytest.raises(UnknownEncoding, match="unknown"):
        formats.reader(settings()).decode(formats.encoder(99_999).encode(EVENTS[0]))
