"""Driving a real Airflow in tests: start runs, await their end, read what they left."""

import json
import time
from datetime import datetime
from zoneinfo import ZoneInfo

import psutil

SEOUL = ZoneInfo("Asia/Seoul")
PATIENCE = 240


class Scheduler:
    """Airflow's API and the shop's stores, in the words of a test."""

    def __init__(self, place):
        self.place, self.stack, self.shop, self.cache = place, place.stack, place.shop, place.shop.cache
        self.api = self.stack.airflow.api

    def switch_on(self, dag):
        """Unpause a DAG and let the run pass that this starts."""
        await_that(lambda: self.api.dag_exists(dag), f"{dag} is read")
        self.api.unpause(dag)
        await_that(lambda: self.api.runs(dag), f"{dag} starts its latest missed run")
        self.end_of(dag, self.api.runs(dag)[0]["dag_run_id"])

    def run(self, dag="stock_sync", **conf):
        """Start a run by hand and await its end."""
        return self.end_of(dag, self.api.trigger(dag, conf))

    def end_of(self, dag, run_id):
        """Await the end of a run."""
        await_that(lambda: self.api.run(dag, run_id)["state"] in {"success", "failed"}, f"{dag} {run_id} ends")
        return Run(self, dag, run_id)

    def events_of(self, run_id):
        """Every logical event that a run published, by product id."""
        return self.shop.events(run_id)

    def task_at_work(self):
        """The process of a task that is connected to the ledger now, or None."""
        at_work = self.shop.sql("SELECT client_port FROM pg_stat_activity WHERE application_name = 'stock-sync'")
        ports = {port for (port,) in at_work}
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port in ports and connection.pid:
                return psutil.Process(connection.pid)
        return None


class Run:
    """A run that has ended."""

    def __init__(self, scheduler, dag, run_id):
        self._api = scheduler.api
        self.dag, self.id = dag, run_id
        self.state = self._api.run(dag, run_id)["state"]

    @property
    def note(self):
        """The note that the grid shows; None: there is none."""
        return self._api.run(self.dag, self.id)["note"]

    @property
    def tasks(self):
        """The state of each task; of a mapped one, the sorted set of its instances' states."""
        states = {}
        for task in self._api.tasks(self.dag, self.id):
            states.setdefault(task["task_id"], set()).add(task["state"])
        return {name: " ".join(sorted(map(str, seen))) for name, seen in states.items()}

    @property
    def summary(self):
        return self._api.result(self.dag, self.id, "summarize")

    def names(self, task):
        """How the mapped instances of a task are called in the UI."""
        return [t["rendered_map_index"] for t in self._api.tasks(self.dag, self.id) if t["task_id"] == task]

    def log(self, task, *, map_index=-1, attempt=1):
        """The text of a task's log."""
        path = f"/dags/{self.dag}/dagRuns/{self.id}/taskInstances/{task}/logs/{attempt}?map_index={map_index}"
        return json.dumps(self._api.get(path.replace("+", "%2B")), ensure_ascii=False)


def today():
    """The local date of a run started now."""
    return datetime.now(SEOUL).date().isoformat()


def await_that(condition, what, patience=PATIENCE):
    """Ask again until it holds; the patience only bounds a failure."""
    deadline = time.monotonic() + patience
    while not (value := condition()):
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.2)
    return value
