"""What the project is made of is written down and looked up, and a forge would run what `make` runs."""

import json
import re
import shlex
import shutil
import subprocess
import sys

import pytest
import yaml

from local.standins.stand_in import StandIn
from tests.kit.paths import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))
LOCKED = re.compile(r"^([A-Za-z0-9][\w.-]*)==([^\s;\\]+)(.*)$")
SMALL = "uv==0.1.0 --hash=sha256:" + "0" * 64 + "\n"
VULNERABLE = {
    "vulns": [
        {
            "id": "PYSEC-2026-1",
            "summary": "Anybody may do anything",
            "modified": "2026-01-01T00:00:00Z",
            "affected": [
                {
                    "package": {"name": "uv", "ecosystem": "PyPI"},
                    "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "0.2.0"}]}],
                    "versions": ["0.1.0"],
                }
            ],
        }
    ]
}


@pytest.fixture
def checkout(tmp_path):
    """What the targets read, with the locks of a small program."""
    for name in ("Makefile", "deploy/audit.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("requirements", "requirements-dev", "requirements-bootstrap"):
        (tmp_path / f"{name}.txt").write_text(SMALL)
    return tmp_path


def make(folder, *words):
    return subprocess.run(
        ["make", "--old-file", ".venv/.installed", *words, f"BIN={shlex.quote(sys.prefix)}/bin"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def osv():
    """A database of vulnerabilities that knows what `known` says."""
    known = {}
    with StandIn(lambda _path, _headers, _body: (200, known)) as stand_in:
        yield f"http://127.0.0.1:{stand_in.port}/v1/query", known


def test_the_bill_of_materials_names_every_locked_package_by_version_and_hash(checkout):
    shutil.copy(ROOT / "requirements-bootstrap.txt", checkout)  # of the large ones it takes half a minute: .ci/run

    made = make(checkout, "sbom")

    assert made.returncode == 0, made.stderr
    for lock in checkout.glob("requirements*.txt"):
        found = [LOCKED.match(line) for line in lock.read_text().replace("\\\n", " ").splitlines()]
        wanted = {(m[1], m[2]): set(re.findall(r"sha256:([0-9a-f]{64})", m[3])) for m in found if m}
        bill = json.loads((checkout / "build" / "sbom" / f"{lock.stem}.cdx.json").read_text())
        assert bill["bomFormat"] == "CycloneDX"
        assert {
            (part["name"], part["version"]): {
                digest["content"] for reference in part["externalReferences"] for digest in reference["hashes"]
            }
            for part in bill["components"]
        } == wanted


def test_an_audit_that_finds_a_vulnerability_is_red_and_names_it(checkout, osv):
    url, known = osv
    known |= VULNERABLE

    audit = make(checkout, "audit", f"OSV={url}", "IF_REACHABLE=yes")

    assert audit.returncode != 0
    assert "PYSEC-2026-1" in audit.stdout


def test_an_audit_that_finds_nothing_is_green(checkout, osv):
    audit = make(checkout, "audit", f"OSV={osv[0]}")

    assert audit.returncode == 0, audit.stdout + audit.stderr
    assert audit.stderr.count("No known vulnerabilities found") == 3


@pytest.mark.parametrize(("words", "code"), [([], 2), (["IF_REACHABLE=yes"], 0)])
def test_an_audit_that_could_ask_nobody_says_so(checkout, words, code):
    with StandIn(lambda _path, _headers, _body: (200, {})) as gone:
        url = f"http://127.0.0.1:{gone.port}/v1/query"

    audit = make(checkout, "audit", f"OSV={url}", *words)

    assert audit.returncode == code
    assert f"NOT AUDITED: nobody answers at {url}" in audit.stderr
    assert "No known vulnerabilities" not in audit.stdout + audit.stderr


def jobs(workflow):
    return yaml.safe_load(workflow.read_text())["jobs"].values()


def commands(workflow):
    """The commands of a workflow's steps, once for each target of a matrix."""
    return [
        step["run"].replace("${{ matrix.target }}", target)
        for job in jobs(workflow)
        for target in job.get("strategy", {}).get("matrix", {}).get("target", [""])
        for step in job["steps"]
        if "run" in step
    ]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_runs_targets_that_make_has(workflow):
    targets = [command for command in commands(workflow) if command.startswith("make ")]

    assert targets
    for target in targets:
        assert (
            subprocess.run([*shlex.split(target), "--dry-run"], cwd=ROOT, capture_output=True, check=False).returncode
            == 0
        )


def test_a_forge_runs_what_ci_runs():
    ci = re.findall(r"^make ([a-z-]+)", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)

    assert {f"make {target}" for target in ci} <= set(commands(ROOT / ".github" / "workflows" / "ci.yaml"))


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_nothing_that_a_stranger_writes_becomes_a_command_of_a_workflow(workflow):
    for job in jobs(workflow):
        for step in job["steps"]:
            assert "${{" not in step.get("run", "").replace("${{ matrix.target }}", "")


def test_dependabot_watches_what_is_named_by_a_version_and_has_no_lock():
    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())["updates"]

    assert {update["package-ecosystem"] for update in updates} == {"github-actions", "docker", "docker-compose"}
    assert (ROOT / "Dockerfile").is_file()
    assert (ROOT / "docker-compose.yaml").is_file()
