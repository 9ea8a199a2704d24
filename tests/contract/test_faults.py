"""The table of faults in docs/reliability.md against the tests that are marked with their numbers."""

import ast
import re
from functools import cache

import pytest

from tests.kit.paths import ROOT, tracked

FAULTS = range(1, 38)
ROW = re.compile(r"^\| (\d+) \| [^|]+ \| ([^|]*) \|$", re.MULTILINE)
TESTS = sorted(tracked("tests/**/test_*.py"))


@cache
def functions(module):
    return [node for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.FunctionDef)]


@cache
def marked(module):
    """The numbers of the faults that a module's tests survive."""
    decorators = [decorator for function in functions(module) for decorator in function.decorator_list]
    marks = [
        mark for mark in decorators if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.fault"
    ]
    return {number.value for mark in marks for number in mark.args}


def told():
    """The test modules of each fault, by the document."""
    _, table = (ROOT / "docs" / "reliability.md").read_text().split("<!-- faults:")
    return {int(number): re.findall(r"`([^`]+)`", tests) for number, tests in ROW.findall(table)}


def test_the_table_has_every_fault_once_and_in_order():
    assert list(told()) == list(FAULTS)


@pytest.mark.parametrize("number", FAULTS)
def test_the_table_names_the_modules_whose_tests_survive_a_fault(number):
    here = ROOT / "tests"
    survive = [module.relative_to(here).with_suffix("").as_posix() for module in TESTS if number in marked(module)]

    assert survive, "no test survives it"
    assert told()[number] == survive


def test_a_fault_is_numbered_by_its_marker_and_not_by_a_tests_name():
    numbered = re.compile(r"test_(fault_)?\d")

    assert [function.name for module in TESTS for function in functions(module) if numbered.match(function.name)] == []


def test_no_marker_has_a_number_that_is_no_fault():
    assert set.union(*map(marked, TESTS)) == set(FAULTS)
