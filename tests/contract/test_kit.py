"""Tests prove, tests.kit helps: no test leans on another, and a helper is found by its name."""

import ast
from collections import Counter

from tests.kit.paths import ROOT, tracked

KIT = ROOT / "tests" / "kit"
HELPERS = sorted(tracked("tests/kit/**/*.py", "tests/kit/*.py"))
TESTS = sorted(set(tracked("tests/*.py", "tests/**/*.py")) - set(HELPERS))


def name_of(module):
    return module.relative_to(ROOT).as_posix()


def imported(module):
    """The modules of tests/ that a module imports."""
    nodes = list(ast.walk(ast.parse(module.read_text())))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "." for node in nodes if isinstance(node, ast.ImportFrom)]
    return [name for name in names if name == "tests" or name.startswith(("tests.", "."))]


def test_whatever_is_shared_comes_from_the_kit():
    imports = [(name_of(module), name) for module in [*TESTS, *HELPERS] for name in imported(module)]

    assert [(module, name) for module, name in imports if not name.startswith("tests.kit")] == []


def test_outside_the_kit_there_are_only_tests_and_their_fixtures():
    theirs = ("conftest.py", "__init__.py")  # the latter makes a package, whose fixtures end with its last test
    assert [name_of(m) for m in TESTS if not m.name.startswith("test_") and m.name not in theirs] == []


def test_no_two_classes_of_tests_and_local_services_share_a_name():
    modules = [*TESTS, *HELPERS, *tracked("local/*.py", "local/**/*.py")]
    named = {
        (node.name.strip("_"), name_of(module))
        for module in modules
        for node in ast.parse(module.read_text()).body
        if isinstance(node, ast.ClassDef)
    }
    shared = {name for name, times in Counter(name for name, _ in named).items() if times > 1}

    assert sorted(pair for pair in named if pair[0] in shared) == []


def test_the_readme_says_what_each_helper_is_for_and_what_each_folder_proves():
    readme = (KIT / "README.md").read_text()
    helpers = {module.relative_to(KIT).as_posix().replace("/__main__.py", "/") for module in HELPERS}
    folders = {module.relative_to(ROOT / "tests").parts[0] for module in TESTS if module.parent != ROOT / "tests"}
    rows = [line.split("|")[1].strip(" `") for line in readme.splitlines() if line.startswith("| `")]

    assert sorted(rows) == sorted(helpers | {f"tests/{folder}" for folder in folders})
