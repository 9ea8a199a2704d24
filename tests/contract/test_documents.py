"""What the documents say is so."""

import json
import os
import re
import subprocess
import sys

import pytest

from stocksync.adapters import redis_keys
from stocksync.entrypoints.connection_parts import KNOWN
from stocksync.settings import PREFIX, Settings
from tests.kit.paths import ROOT, tracked

README = ROOT / "README.md"
ROW = re.compile(r"^\|\s*`(STOCK_SYNC_[A-Z_]+)`\s*\|(.*)\|\s*$", re.MULTILINE)
COMMAND = re.compile(r"\bmake ([a-z][a-z-]*)")
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
LINK = re.compile(r"\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")


def settings_table():
    return {
        variable: [cell.strip() for cell in cells.split("|")] for variable, cells in ROW.findall(README.read_text())
    }


def test_the_readme_lists_every_setting_and_no_other():
    assert sorted(settings_table()) == sorted(PREFIX + name.upper() for name in Settings.model_fields)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_the_readme_tells_a_settings_default_what_is_allowed_and_what_it_means(name):
    field = Settings.model_fields[name]
    default, allowed, meaning = settings_table()[PREFIX + name.upper()]

    value = getattr(field.default, "value", field.default)
    shown = "" if value is None else f"`{value:g}`" if isinstance(value, float) else f"`{value}`"
    assert default == shown
    assert allowed == field.json_schema_extra["allowed"]
    assert meaning


CONNECTION = re.compile(r"^\| `(stock_[a-z_]+)` \|(.*)\|(.*)\|(.*)\|$", re.MULTILINE)
WORD = re.compile(r"`([^`]+)`")


def test_the_runbook_lists_every_part_of_every_connection_and_no_other():
    rows = CONNECTION.findall((ROOT / "docs" / "operations.md").read_text())

    told = {name: [set(WORD.findall(cell)) for cell in cells] for name, *cells in rows}
    examples = {"acks", "enable.idempotence", "group.id", "STOCK_SYNC_SCHEMA_REGISTRY_URL"}
    assert set(told) == set(KNOWN)
    for name, known in KNOWN.items():
        types, parts, extras = told[name]
        assert (types, parts, extras - examples) == (set(known.conn_types), set(known.parts), set(known.extras or ()))


def test_every_make_target_the_documents_name_exists():
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    documents = {README, *tracked("*.md")}

    named = {
        (target, document.relative_to(ROOT).as_posix())
        for document in documents
        for code in CODE.findall(document.read_text())
        for target in COMMAND.findall(code)
    }
    assert {target for target, _ in named} >= {"demo", "test"}
    assert [(target, where) for target, where in sorted(named) if target not in targets] == []


def test_every_make_target_says_what_it_does():
    makefile = (ROOT / "Makefile").read_text()

    named = set(re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE))
    assert named == set(re.findall(r"^([a-z][a-z-]*):.*## .", makefile, re.MULTILINE))


def slug(heading):
    """A heading's anchor, as GitHub makes it."""
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def prose(document):
    return re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL)


def test_every_link_in_the_documents_leads_somewhere():
    broken = []
    for document in {README, *tracked("*.md")}:
        for link in LINK.findall(prose(document)):
            if re.match(r"[a-z]+:", link):
                continue
            path, _, anchor = link.partition("#")
            target = (document.parent / path).resolve() if path else document
            anchors = {slug(h) for h in re.findall(r"^#+ (.*)$", prose(target), re.MULTILINE)} if anchor else set()
            if not target.exists() or not target.is_relative_to(ROOT) or (anchor and anchor not in anchors):
                broken.append(f"{document.relative_to(ROOT)}: {link}")
    assert broken == []


RUNBOOK = (ROOT / "docs" / "operations.md").read_text()
GAUGE = re.compile(r"`(?:stock_sync)?\.([a-z][a-z_.]*)`")
ROW_OF_GAUGES = re.compile(r"^\| gauges \| .* \|$", re.MULTILINE)
REDIS_KEY = re.compile(r"\bsync:stock:[\w:<>*{}-]*")
ON_ONE_SERVER = redis_keys.OwnKeys()
KEYS = {
    "sync:stock:": redis_keys.OWN,
    "sync:stock:*": f"{redis_keys.OWN}*",
    "sync:stock:<date>": ON_ONE_SERVER.lock("<date>"),
    "sync:stock:{YYYY-MM-DD}": ON_ONE_SERVER.lock("{YYYY-MM-DD}"),
    "sync:stock:outboxes": ON_ONE_SERVER.outboxes,
    "sync:stock:unfinished": ON_ONE_SERVER.unfinished,
}


@pytest.fixture(scope="module")
def gauges(tmp_path_factory):
    """The gauges of a run; Airflow, which sets them, is imported in a process of its own."""
    listing = (
        "import json; from stocksync.entrypoints.metrics import gauges; from tests.kit.summaries import SUMMARY; "
        "print(json.dumps(list(gauges(SUMMARY))))"
    )
    own = {"AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow")), "PYTHONPATH": "include:."}
    listed = subprocess.run(
        [sys.executable, "-c", listing], cwd=ROOT, env=os.environ | own, capture_output=True, text=True, check=True
    )
    return set(json.loads(listed.stdout.splitlines()[-1]))


def shown_gauges(text):
    """The gauges a text names; `.low` … `.critical` are the ends of four."""
    return {name for name in GAUGE.findall(text) if name not in {"dry_run", "critical"}}


def test_the_runbook_lists_every_gauge_and_no_other(gauges):
    (row,) = ROW_OF_GAUGES.findall(RUNBOOK)

    assert "`.discrepancies.low` … `.critical`" in row
    assert shown_gauges(row) == gauges - {f"discrepancies.{severity}" for severity in ("medium", "high", "critical")}


def test_every_gauge_the_documents_name_is_there(gauges):
    named = {name for where in tracked("*.md") for name in re.findall(r"`stock_sync\.([a-z_.]+)`", where.read_text())}

    assert {"total", "unprocessed"} <= named
    assert named - gauges == {"dry_run"}


def test_every_redis_key_the_documents_name_is_the_programs():
    named = {(key, where.name) for where in tracked("*.md") for key in REDIS_KEY.findall(where.read_text())}

    assert [(key, where) for key, where in sorted(named) if KEYS.get(key) != key] == []
    assert {key for key, _ in named} >= {"sync:stock:<date>", "sync:stock:outboxes"}


def test_make_shows_its_targets_in_a_straight_column():
    # `make test` is a make that runs another: each says where it goes.
    help_ = ["make", "--no-print-directory"]
    shown = subprocess.run(help_, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()

    assert len({len(line) - len(line.split(None, 1)[1]) for line in shown}) == 1


def test_the_house_in_contributing_is_the_one_that_stands():
    (tree,) = re.findall(r"^```\n(dags/.*?)^```", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE | re.DOTALL)
    rows = re.findall(r"^( *)((?:\S+/ ?)+|\S+\.py) +", tree, re.MULTILINE)
    product = "include/stocksync/"

    named = [f"{product if indent else ''}{name}" for indent, names in rows for name in names.split()]
    assert len(rows) == len([line for line in tree.splitlines() if not line.startswith(" " * 22)])
    assert [name for name in named if not (ROOT / name).exists()] == []
    inside = (ROOT / product).iterdir()
    assert {f"{product}{path.name}/" for path in inside if path.is_dir() and path.name != "__pycache__"} <= set(named)
