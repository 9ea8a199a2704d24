"""The whole DAG through a real scheduler, against a DAG of the same shape that does nothing."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

from rich.console import Console

from benchmarks.catalogue import Catalogue
from local import PROJECT
from local.connections import PRODUCT_DB, STOCK_REDIS
from local.console import Steps
from local.servers.airflow import Airflow
from local.stack import Stack
from local.supervisor.run_folder import RunFolder

PATIENCE = 900
EMPTY, FULL = "bench_empty", "stock_sync"


class Night:
    """An Airflow that has both DAGs and nothing else to do."""

    def __init__(self, stack: Stack, airflow: Airflow) -> None:
        self._stack = stack
        self._api = airflow.api

    def load(self, catalogue: Catalogue) -> None:
        """Make the catalogue the one that stock_sync reads."""
        ledger = self._stack.connection(PRODUCT_DB).postgres()
        ledger.autocommit = True
        with self._stack.connection(STOCK_REDIS).redis() as cache:
            catalogue.load(ledger, cache)
        with ledger.cursor() as cursor:
            cursor.execute(f'CREATE OR REPLACE VIEW products AS SELECT id, stock FROM "{catalogue.table}"')
        ledger.close()

    def seconds(self, dag: str, conf: dict[str, object]) -> tuple[float, int]:
        """Run a DAG once; return its wall time and how many ranges it had."""
        run_id = self._api.trigger(dag, conf)
        begun = time.monotonic()
        while (run := self._api.run(dag, run_id))["state"] not in {"success", "failed"}:
            if time.monotonic() - begun > PATIENCE:
                raise TimeoutError(f"{dag} {run_id} is not done after {PATIENCE} s")
            time.sleep(0.1)
        if run["state"] == "failed":
            raise RuntimeError(f"{dag} {run_id} failed; the logs are in build/local/logs/bench")
        ranges = sum(task["task_id"] == "reconcile" for task in self._api.tasks(dag, run_id))
        return float(run["duration"]), ranges

    def switch_on(self) -> None:
        """Wait until both DAGs are read, and let the run pass that switching on starts."""
        for dag in (EMPTY, FULL):
            while not self._api.dag_exists(dag):
                time.sleep(0.3)
            self._api.unpause(dag)
        while not (runs := self._api.runs(FULL)) or runs[0]["state"] not in {"success", "failed"}:
            time.sleep(0.3)


@contextmanager
def night(first: Catalogue) -> Iterator[Night]:
    """Have the stack up, with a catalogue to begin with."""
    quiet = Steps(Console(file=StringIO()))
    with RunFolder("bench-dag") as run, quiet as steps, Stack(run, steps, {}) as stack:
        dags = run.path / "dags"
        dags.mkdir()
        for source in (PROJECT / "dags" / "stock_sync.py", PROJECT / "benchmarks" / "dags" / "bench_empty.py"):
            (dags / source.name).symlink_to(source)
        # The same run is repeated over a catalogue that nobody changes: nothing to settle, nothing to publish.
        airflow = stack.start_airflow(settings={"AIRFLOW__CORE__DAGS_FOLDER": str(dags)})
        whole = Night(stack, airflow)
        whole.load(first)
        whole.switch_on()
        yield whole
