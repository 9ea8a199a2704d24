"""The core runs where Airflow is not installed."""

import subprocess
import sys

import pytest

from tests.kit.paths import ROOT

CORE = """
import importlib, pathlib, sys
sys.modules["airflow"] = None  # importing it fails from here on
root = pathlib.Path("include/stocksync")
parts = [part for part in sorted(root.rglob("*.py")) if "entrypoints" not in part.parts]
for part in parts:
    importlib.import_module(".".join(part.relative_to("include").with_suffix("").parts))
print(len(parts))
"""


def python(code):
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PYTHONPATH": "include", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_everything_but_the_entry_points_imports_without_airflow():
    done = python(CORE)

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 20


@pytest.mark.parametrize(
    "module", ["model.policy", "reconcile.reconciler", "reconcile.close_run", "alerting.consumer", "reporting.report"]
)
def test_the_rules_and_the_use_cases_load_no_driver(module):
    drivers = "{'psycopg2', 'redis', 'confluent_kafka', 'fastavro', 'airflow'}"
    done = python(f"import sys, stocksync.{module}; print(sorted({drivers} & set(sys.modules)))")

    assert done.stdout.strip() == "[]", done.stderr
