"""Airflow for the tests of the DAGs: it parses, in a home of its own, and nothing runs."""

import json
import os
import subprocess
import sys

import pytest

from tests.kit.paths import DAGS, ROOT

PARSING = ROOT / "tests" / "kit" / "airflow" / "parse_dags.py"


@pytest.fixture(scope="session")
def airflow_home(tmp_path_factory):
    """What Airflow needs in the environment to parse the project's DAGs."""
    home = tmp_path_factory.mktemp("airflow")
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
    }


@pytest.fixture(scope="session")
def parsed(airflow_home):
    """What parsing every DAG file did, in a process of its own, as the dag processor does it, under a watch."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "STOCK_SYNC_"))}
    done = subprocess.run(
        [sys.executable, str(PARSING), str(DAGS)],
        cwd=ROOT,
        env={**kept, **airflow_home, "PYTHONPATH": "include:."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="session")
def parse(airflow_home):
    """Parse the DAG files here, with the settings given."""

    def parse(**settings):
        with pytest.MonkeyPatch.context() as patch:
            for name in [name for name in os.environ if name.startswith("STOCK_SYNC_")]:
                patch.delenv(name)
            for name, value in {**airflow_home, **settings}.items():
                patch.setenv(name, value)
            from airflow.dag_processing.dagbag import DagBag  # noqa: PLC0415 - it reads the environment when imported

            bag = DagBag(str(DAGS))
        assert bag.import_errors == {}
        return bag.dags

    return parse


@pytest.fixture(scope="session")
def dags(parse):
    """The project's DAGs by id."""
    return parse()
