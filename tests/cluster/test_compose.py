"""docker-compose.yaml: valid, hardened, complete, and in step with what it is made of."""

import json
import re
import stat
import subprocess
import sys

import jsonschema
import pytest

from stocksync.settings import PREFIX, Settings
from tests.kit.cluster.compose_file import DEPLOY, compose, environment_of, filled_in, fresh_env, variables
from tests.kit.paths import ROOT

TEXT = (ROOT / "docker-compose.yaml").read_text()
SERVICES = compose()["services"]
SPECIFICATION = json.loads((ROOT / "tests/cluster/compose-spec.schema.json").read_text())
ROOTS = {"root", "0", "0:0"}


def test_it_is_a_compose_file_by_the_specification():
    jsonschema.Draft7Validator(SPECIFICATION).validate(compose())


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_is_not_root_gains_nothing_and_has_limits(name):
    service = SERVICES[name]
    assert service["user"].partition(":")[0] not in ROOTS
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["cap_drop"] == ["ALL"]
    assert not {"privileged", "cap_add", "network_mode", "pid", "devices"} & set(service)
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    assert service["init"] is True


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_is_pinned_to_a_version(name):
    version = SERVICES[name]["image"].rpartition(":")[2]
    assert re.fullmatch(r"\d+(\.\d+)+", version)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_tells_when_it_is_well_or_ends_by_itself(name):
    service = SERVICES[name]
    if name == "airflow-init":
        assert service["restart"] == "no"
    else:
        assert service["healthcheck"]["test"]
        assert service["restart"] == "unless-stopped"


def test_every_service_starts_after_what_it_needs():
    for name, service in SERVICES.items():
        for needed, how in service.get("depends_on", {}).items():
            ends = needed == "airflow-init"
            assert how["condition"] == ("service_completed_successfully" if ends else "service_healthy"), name
    init = set(SERVICES["airflow-init"]["depends_on"])
    assert init == {"airflow-db", "celery-redis", "product-db", "stock-redis", "kafka", "schema-registry"}
    airflow = {name for name in SERVICES if name.startswith("airflow-")} - {"airflow-init", "airflow-db"}
    assert all("airflow-init" in SERVICES[name]["depends_on"] for name in airflow)


def test_only_the_ui_is_published_and_only_to_this_host():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"airflow-apiserver": ["127.0.0.1:${UI_PORT:-8080}:8080"]}
    assert compose()["networks"]["data"] == {"internal": True}
    inside = {name for name, service in SERVICES.items() if service["networks"] == ["data"]}
    assert inside == {"airflow-db", "celery-redis", "product-db", "stock-redis", "kafka", "schema-registry"}


def test_no_secret_has_a_default_and_make_env_writes_every_variable(tmp_path):
    env = fresh_env(tmp_path)
    used = variables(TEXT)
    # A setting is no secret, though one of them names a key of Redis.
    secret = {name for name in used if re.search(r"^(?!STOCK_SYNC_)\w+_(PASSWORD|KEY|SECRET|CLUSTER_ID)$", name)}
    assert len(secret) == 17
    assert {used[name] for name in secret} == {(":?", "run make env")}
    assert secret <= {name for name, value in env.items() if value}
    optional = set(used) - secret
    assert {used[name][0] for name in optional} == {":-", "-"}
    assert set(env) <= set(used)


def test_every_secret_is_new_each_time_and_another(tmp_path):
    first, second = fresh_env(tmp_path), fresh_env(tmp_path)
    secret = [name for name, value in first.items() if len(value) > 20]
    assert not {first[name] for name in secret} & {second[name] for name in secret}
    assert len({first[name] for name in secret}) == len(secret) == 17


def test_make_env_keeps_the_file_to_its_owner_and_never_overwrites_it(tmp_path):
    path = tmp_path / ".env"
    run = [sys.executable, "-I", DEPLOY / "env.py", path]
    assert subprocess.run(run, check=False, capture_output=True).returncode == 0
    before = path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = subprocess.run(run, check=False, capture_output=True, text=True)
    assert (again.returncode, path.read_text()) == (1, before)
    assert "left alone" in again.stdout
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()


@pytest.mark.parametrize("name", ["airflow-db", "product-db"])
def test_an_operator_beside_a_database_needs_to_type_no_password(name, tmp_path):
    environment = environment_of(name, fresh_env(tmp_path))
    for for_psql, for_server in (("PGUSER", "USER"), ("PGDATABASE", "DB"), ("PGPASSWORD", "PASSWORD")):
        assert environment[for_psql] == environment[f"POSTGRES_{for_server}"]


def test_what_is_mounted_or_started_is_in_the_project():
    for service in SERVICES.values():
        paths = [volume.split(":")[0] for volume in service.get("volumes", []) if volume.startswith("./")]
        assert all((ROOT / path).exists() for path in paths)
        words = [*service.get("entrypoint", []), *map(str, service.get("command", []))]
        assert all((ROOT / word[1:]).is_file() for word in words if word.startswith("/deploy/"))
        for script in service.get("entrypoint", []):
            assert (ROOT / script[1:]).stat().st_mode & 0o111


def test_every_volume_is_declared_and_used():
    used = {v.split(":")[0] for s in SERVICES.values() for v in s.get("volumes", []) if not v.startswith(".")}
    assert used == set(compose()["volumes"])


def test_airflow_is_told_settings_and_connections_the_program_knows(tmp_path):
    environment = environment_of("airflow-worker", fresh_env(tmp_path))
    settings = {name.removeprefix(PREFIX).lower() for name in environment if name.startswith(PREFIX)}
    assert settings == set(Settings.model_fields) - {"key_prefix", "schema_registration"}
    connections = {name.removeprefix("AIRFLOW_CONN_").lower() for name in environment if "AIRFLOW_CONN_" in name}
    people = {"stock_slack", "stock_pagerduty"}
    assert connections == {"product_db", "stock_ops", "stock_redis", "stock_kafka", "stock_schema_registry"} | people


OWN = {
    "AIRFLOW_CONN_PRODUCT_DB": "postgresql://reader:a@db.example:5432/shop",
    "AIRFLOW_CONN_STOCK_REDIS": "redis://dags:b@redis.example:6379/0",
    "AIRFLOW_CONN_STOCK_KAFKA": '{"conn_type": "kafka", "extra": {"bootstrap.servers": "kafka.example:9092"}}',
    "STOCK_SYNC_SCHEMA_REGISTRY_URL": "",
}


def test_services_of_ones_own_take_the_place_of_these_by_lines_in_env(tmp_path):
    env = fresh_env(tmp_path)
    own = {name: environment_of("airflow-worker", env | OWN)[name] for name in OWN}
    theirs = {name: environment_of("airflow-worker", env)[name] for name in OWN}
    assert own == OWN
    hosts = ("product-db:5432", "stock-redis:6379", "kafka:9092", "schema-registry:8080")
    assert all(host in address for host, address in zip(hosts, theirs.values(), strict=True))
    assert environment_of("airflow-init", env | OWN)["SCHEMA_REGISTRY_URL"] == theirs["STOCK_SYNC_SCHEMA_REGISTRY_URL"]
    assert all(f"{name}=" in (DEPLOY / "env.py").read_text() for name in OWN)


def test_the_image_is_the_locked_airflow_and_carries_what_the_project_needs():
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert "FROM apache/airflow:slim-3.3.2-" in dockerfile
    assert "--require-hashes" in dockerfile
    copied = set(re.findall(r"^COPY .* (\S+) \S+$", dockerfile, re.MULTILINE))
    kept = set(re.findall(r"^!(.*)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    assert copied == kept
    assert all((ROOT / path).exists() for path in copied)
    assert dockerfile.rstrip().endswith("USER 50000:0")


def test_the_runbook_and_the_security_page_name_every_secret(tmp_path):
    pages = "".join((ROOT / "docs" / name).read_text() for name in ("operations.md", "security.md"))
    secret = [name for name, value in fresh_env(tmp_path).items() if len(value) > 20]
    assert [name for name in secret if f"`{name}`" not in pages] == []


def test_a_missing_password_stops_compose_by_name():
    with pytest.raises(AssertionError, match="AIRFLOW_DB_PASSWORD is required"):
        filled_in("${AIRFLOW_DB_PASSWORD:?run make env}", {})
