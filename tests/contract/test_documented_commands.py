"""Every command that a document tells somebody to type is run by a test, or it is said here why not and what holds it.

A new command fails here until somebody has said which.
"""

import ast
import json
import os
import re
import shlex
import subprocess
import sys

import pytest
import yaml

from stocksync.settings import PREFIX, Settings
from tests.kit.documents import FENCED, documents, fenced_commands, inline_commands, section
from tests.kit.paths import ROOT

OWN_SERVICES = (
    "tests/e2e/test_own_services.py::test_somebody_with_services_of_their_own_gets_nights_alerts_and_the_report"
)
SECTIONS_TYPED_BY_TESTS = {
    ("README.md", "On your own services"): OWN_SERVICES,
    ("README.md", "By hand, and for days gone by"): OWN_SERVICES,
    ("docs/operations.md", "After a manual review"): OWN_SERVICES,
}
HERE = "tests/contract/test_documented_commands.py"
SUPPLY = "tests/contract/test_supply_chain.py"
CI = ".ci/run"
RUN_BY = {
    "make install": CI,
    "make check": CI,
    "make test": CI,
    "make test-cluster": CI,
    "make test-browser": "tests/browser/test_reading.py::test_a_night_with_a_critical_case_is_bad_at_first_sight",
    "make demo": "tests/e2e/test_demo.py::test_the_demo_tells_people_of_a_night_and_finds_nothing_wrong",
    "make up": "tests/local/test_commands.py::test_up_shows_the_way_in_and_down_leaves_nothing",
    "make down": "tests/local/test_commands.py::test_up_shows_the_way_in_and_down_leaves_nothing",
    "make env": "tests/cluster/test_compose.py::test_make_env_keeps_the_file_to_its_owner_and_never_overwrites_it",
    "make sbom": f"{SUPPLY}::test_the_bill_of_materials_names_every_locked_package_by_version_and_hash",
    "make audit": f"{SUPPLY}::test_an_audit_that_finds_a_vulnerability_is_red_and_names_it",
    "python -m stocksync.migrations --worker stock_ops_worker --page stock_ops_page": (
        "tests/integration/test_ops_store.py::test_the_command_makes_the_schema_and_may_be_run_again"
    ),
    "make lock": "tests/cluster/test_install.py::test_the_locks_are_what_make_lock_makes",
    "pip install --no-deps --require-hashes -r requirements.txt": (
        "tests/cluster/test_install.py::test_the_pip_that_python_brings_accepts_the_lock"
    ),
    'docker compose exec product-db psql --command="INSERT INTO products '
    "SELECT 'P' || n, 5 FROM generate_series(1, 1000) n\"": OWN_SERVICES,
    "redis-cli DEL sync:stock:<date>": f"{HERE}::test_redis_takes_the_commands_of_the_runbook",
    "redis-cli HGETALL sync:stock:outboxes": f"{HERE}::test_redis_takes_the_commands_of_the_runbook",
    "docker compose exec kafka /opt/kafka/bin/kafka-configs.sh --bootstrap-server kafka:9092 --command-config "
    "/deploy/kafka/admin.properties --alter --entity-type users --entity-name admin --add-config "
    "'SCRAM-SHA-512=[password=NEW]'": (
        "tests/cluster/test_kafka.py::test_the_runbooks_command_changes_the_administrators_password"
    ),
    "docker compose run --rm airflow-init": (
        "tests/cluster/test_registry.py::test_init_registers_what_a_run_looks_up_and_may_do_so_again"
    ),
    **dict.fromkeys(
        [
            "python3 -c 'import secrets; print(secrets.token_hex(24))'",
            "python3 -c 'import base64, secrets; print(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())'",
        ],
        f"{HERE}::test_the_runbooks_new_secrets_are_secrets",
    ),
}
MINUTES = "takes minutes; `make test` has a slice of it, and `make --dry-run` reads the target"
DOCKER = "needs a Docker engine; its services are held against docker-compose.yaml, a program of Airflow by its parser"
OTHERS = "is the reader's own: an address, a secret or a repository that no test has; its connection is parsed"
EXAMPLE = "no command but the beginning of one, or a name for what is measured"
NOT_RUN = {
    "make chaos": MINUTES,
    "make soak": MINUTES,
    "SOAK_MINUTES=360 make soak": MINUTES,
    "make chaos CHAOS_SEED=7": MINUTES,
    "CHAOS_SCHEDULES=1000 make chaos": MINUTES,
    "make mutants": MINUTES,
    "make bench": MINUTES,
    "BENCH_SIZES=10k,100k,1m,10m make bench": MINUTES,
    "BENCH_SIZES=10k,100k,10m make bench": MINUTES,
    "BENCH_SIZES=1m make bench": MINUTES,
    "docker compose up --build --wait": DOCKER,
    "docker compose up --wait": DOCKER,
    "docker compose up --wait --scale airflow-worker=4": DOCKER,
    "docker compose logs --follow airflow-worker": DOCKER,
    "docker compose down": DOCKER,
    "for dag in stock_sync_alerts stock_sync_daily_report stock_sync; do\n"
    "    docker compose exec airflow-scheduler airflow dags unpause $dag\n"
    "done": DOCKER,
    "docker compose exec product-db psql --command=\"ALTER ROLE stock_sync PASSWORD 'NEW'\"": DOCKER,
    "docker compose exec airflow-db psql --command=\"ALTER ROLE airflow PASSWORD 'NEW'\"": DOCKER,
    "docker compose exec -T airflow-db pg_dump > airflow.sql": DOCKER,
    "airflow rotate-fernet-key": "changes the connections kept in a database of Airflow's own; its parser reads it",
    "grep AIRFLOW_ADMIN_PASSWORD .env": "reads what `make env` wrote, and the variable is held against that",
    "git pull": OTHERS,
    "docker compose exec airflow-scheduler airflow …": EXAMPLE,
    "docker compose exec stock-redis redis-cli --user dags …": EXAMPLE,
    "docker compose exec product-db psql …": EXAMPLE,
    "docker compose exec kafka /opt/kafka/bin/kafka-topics.sh --bootstrap-server kafka:9092 --command-config "
    "/deploy/kafka/admin.properties …": EXAMPLE,
    "psql COPY (id, stock)": EXAMPLE,
    "docker inspect": EXAMPLE,
}

TEXTS = documents()
FENCED_COMMANDS = [(name, command) for name, text in TEXTS.items() for command in fenced_commands(text)]
COMMANDS = FENCED_COMMANDS + [(name, command) for name, text in TEXTS.items() for command in inline_commands(text)]
TYPED = {command for place in SECTIONS_TYPED_BY_TESTS for command in fenced_commands(section(*place))}
EVERY = {command for _, command in COMMANDS}
DOCKER_COMMANDS = sorted(command for command in EVERY if "docker compose " in command)
AIRFLOW_COMMANDS = sorted(
    found.replace("$dag", "stock_sync")
    for command in EVERY & NOT_RUN.keys()
    for found in re.findall(r"(?:^|airflow-scheduler )(airflow [^…\n]*)$", command, re.MULTILINE)
)
ASK_AIRFLOW = """
import json, shlex, sys
from airflow.cli.cli_parser import get_parser
from airflow.sdk import Connection

commands, connections = json.load(sys.stdin)
for command in commands:
    get_parser().parse_args(shlex.split(command)[1:])
made = [Connection.from_json(c) if c.startswith("{") else Connection.from_uri(c, conn_id="own") for c in connections]
print(json.dumps([c.conn_type for c in made]))
"""


def is_an_export(command):
    return command.startswith("export ")


def exists(test):
    """Whether a test of that name is in that file; for CI whether the file is there."""
    path, _, name = test.partition("::")
    if not name:
        return (ROOT / path).is_file()
    functions = ast.walk(ast.parse((ROOT / path).read_text()))
    return name in {node.name for node in functions if isinstance(node, ast.FunctionDef)}


def test_every_command_in_the_documents_is_run_by_a_test_or_it_is_said_why_not():
    known = TYPED | RUN_BY.keys() | NOT_RUN.keys()

    assert [(name, command) for name, command in COMMANDS if command not in known and not is_an_export(command)] == []


def test_nothing_is_said_of_a_command_that_no_document_has():
    assert sorted((RUN_BY.keys() | NOT_RUN.keys()) - EVERY) == []


def test_no_command_is_both_run_and_not_run():
    assert (RUN_BY.keys() | TYPED) & NOT_RUN.keys() == set()


@pytest.mark.parametrize("test", sorted({*RUN_BY.values(), *SECTIONS_TYPED_BY_TESTS.values()}))
def test_the_test_that_runs_a_command_exists(test):
    assert exists(test)


def test_every_block_of_commands_is_marked_as_one():
    languages = {
        block.split("\n", 1)[0].removeprefix("```") for text in TEXTS.values() for block in FENCED.findall(text)
    }

    assert languages <= {"sh", "console", "mermaid", ""}


@pytest.mark.parametrize("target", sorted(c for c in EVERY if c.startswith("make ")))
def test_make_reads_every_target(target):
    assert (
        subprocess.run([*shlex.split(target), "--dry-run"], cwd=ROOT, capture_output=True, check=False).returncode == 0
    )


@pytest.mark.parametrize("target", sorted(command for command, test in RUN_BY.items() if test == CI))
def test_ci_runs_the_targets_that_are_too_large_for_a_test(target):
    runs = re.findall(r"^make [a-z-]+$", (ROOT / CI).read_text(), re.MULTILINE)
    installs = re.search(r"^install: (.*?) ##", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]

    if target == "make install":
        assert f"\ncheck: {installs} ##" in (ROOT / "Makefile").read_text()
    else:
        assert target in runs


# --- Docker, Airflow, connections ------------------------------------------------------------------------------


@pytest.mark.parametrize("command", DOCKER_COMMANDS)
def test_docker_compose_is_told_of_services_it_has(command):
    services = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["services"].keys()
    words = command[command.index("docker compose ") :].split("\n")[0].split()[2:]
    subcommand, named = words[0], [word for word in words[1:] if not word.startswith("-")]

    assert subcommand in {"up", "down", "logs", "exec", "run"}
    if subcommand in {"exec", "run"}:
        assert named[0] in services
    else:
        assert {word.split("=")[0] for word in named} <= services


def exported():
    """Every variable that a document exports, with its value as a shell reads it."""
    return [
        (name, variable, value)
        for name, command in FENCED_COMMANDS
        if is_an_export(command)
        for variable, _, value in (word.partition("=") for word in shlex.split(command)[1:])
    ]


def test_airflow_reads_the_connections_of_the_documents_and_knows_the_commands_that_are_not_run(tmp_path):
    connections = [(variable, value) for _, variable, value in exported() if variable.startswith("AIRFLOW_CONN_")]
    asked = subprocess.run(
        [sys.executable, "-c", ASK_AIRFLOW],
        input=json.dumps([AIRFLOW_COMMANDS, [value for _, value in connections]]),
        env={**os.environ, "AIRFLOW_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr
    kinds = {"PRODUCT_DB": "postgres", "STOCK_SCHEMA_REGISTRY": "http"}
    names = [variable.removeprefix("AIRFLOW_CONN_") for variable, _ in connections]
    assert json.loads(asked.stdout.splitlines()[-1]) == [
        kinds.get(name, name.removeprefix("STOCK_").lower()) for name in names
    ]
    assert set(names) == {"PRODUCT_DB", "STOCK_REDIS", "STOCK_KAFKA", "STOCK_SLACK", "STOCK_PAGERDUTY"} | kinds.keys()


@pytest.mark.parametrize(("variable", "value"), [e[1:] for e in exported() if e[1].startswith("STOCK_SYNC_")])
def test_a_setting_that_a_document_exports_is_one(variable, value):
    assert Settings(**{variable.removeprefix(PREFIX).lower(): value})


# --- small ones that are run here ------------------------------------------------------------------------------


def test_redis_takes_the_commands_of_the_runbook(cache):
    commands = sorted(command for command in EVERY if command.startswith("redis-cli "))
    cache.hset("sync:stock:outboxes", "sync:stock:outbox:a run:0", "{}")
    cache.set("sync:stock:2026-11-25", "a run")

    answers = [cache.execute_command(*c.replace("<date>", "2026-11-25").split()[1:]) for c in commands]

    assert answers == [1, {b"sync:stock:outbox:a run:0": b"{}"}]


@pytest.mark.parametrize("command", sorted(c for c in EVERY if c.startswith("python3 -c")))
def test_the_runbooks_new_secrets_are_secrets(command):
    made = {subprocess.run(["sh", "-c", command], capture_output=True, check=True).stdout for _ in range(2)}

    assert len(made) == 2
    assert min(map(len, made)) > 40


def test_the_password_one_looks_up_is_written_by_make_env():
    assert "AIRFLOW_ADMIN_PASSWORD=" in (ROOT / "deploy" / "env.py").read_text()
