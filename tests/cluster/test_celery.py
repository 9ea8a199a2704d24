"""A real Airflow with CeleryExecutor, two workers and the Redis of docker-compose.yaml as broker."""

from io import StringIO

import pytest
from rich.console import Console

from local.progress import Steps
from local.run_folder import RunFolder
from local.stack import Stack
from tests.cluster.deployed import Redis
from tests.e2e.airflow import Scheduler, await_that
from tests.e2e.catalogue import IN_THE_SECOND_RANGE, ROWS, assert_complete, assert_repaired, begin_and_wait_at
from tests.e2e.trouble import Writes, gate_at

pytestmark = [pytest.mark.timeout(1200), pytest.mark.usefixtures("cluster")]
CELERY = {
    "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
    "AIRFLOW__CELERY__WORKER_CONCURRENCY": "2",
    "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "7200",
    # A dead worker's tasks are noticed by their silence; a test has less time than a night.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "2",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "5",
}
SUMMING = ("restored", "manual_review", "matched", "changed", "invalid", "unprocessed")


def rows(number):
    """A catalogue with a bit of everything, every seventh product out of order."""
    off = {0: 3, 7: -6, 14: 30, 21: 80}
    return [(f"P{n:05d}", 200, 200 - off.get(n % 28, 0)) for n in range(number)]


@pytest.fixture(scope="module")
def night():
    with (
        RunFolder("celery") as run,
        Steps(Console(file=StringIO())) as steps,
        Stack(run, steps, {}) as stack,
        Redis(run, "celery") as broker,
    ):
        metadata = stack.metadata_uri.replace("postgresql://", "db+postgresql+psycopg2://")
        celery = f"redis://celery:{broker.env['CELERY_REDIS_PASSWORD']}@127.0.0.1:{broker.port}/0"
        settings = CELERY | {"AIRFLOW__CELERY__BROKER_URL": celery, "AIRFLOW__CELERY__RESULT_BACKEND": metadata}
        stack.airflow = stack.start_airflow(settings=settings, without=["triggerer"], workers=2)
        scheduler = Scheduler(stack)
        scheduler.switch_on("stock_sync")
        yield scheduler
        for component in stack.airflow.components.values():
            component.kill()


def worker_of(night, task):
    """Which worker a task's process belongs to."""
    ancestors = {process.pid for process in task.parents()}
    workers = {n: c for n, c in night.stack.airflow.components.items() if n.startswith("worker-") and c.running}
    return next(name for name, worker in workers.items() if worker.pid in ancestors)


def adds_up(night, run):
    summary = run.summary
    assert summary["total"] == 10_000 == sum(summary[name] for name in SUMMING)
    assert summary["restored"] + summary["manual_review"] == len(night.events_of(run.id)) == 1429
    assert night.cache.get(f"sync:stock:{summary['date']}") is None
    assert night.cache.keys("sync:stock:outbox*") == []
    wrong = [n for n in range(0, 10_000, 28) if night.shop.counter(f"P{n:05d}") != "200"]
    assert wrong == []
    return summary


def test_ten_thousand_products_on_two_workers(night):
    night.empty_the_shop()
    night.shop.stock(rows(10_000))
    run = night.run()
    assert run.state == "success", run.tasks
    assert adds_up(night, run)["status"] == "complete"


def test_a_worker_killed_in_the_middle_costs_time_and_nothing_else(night):
    night.empty_the_shop()
    night.shop.stock(rows(10_000))
    run_id = night.api.trigger("stock_sync")
    await_that(lambda: night.cache.exists(f"sync:stock:progress:{run_id}"), "reconcile has begun")
    task = await_that(night.task_at_work, "a task reads the ledger")
    night.stack.airflow.components.pop(worker_of(night, task)).kill()
    run = night.end_of("stock_sync", run_id)
    assert run.state == "success", run.tasks
    assert any(t["try_number"] > 1 for t in night.api.tasks("stock_sync", run_id) if t["task_id"] == "reconcile")
    assert adds_up(night, run)["status"] == "complete"


@pytest.mark.parametrize("dies", ["scheduler", "api-server"])
def test_23_a_scheduler_or_an_api_server_that_dies_while_the_workers_live_on_is_made_good_by_its_start(night, dies):
    night.empty_the_shop()
    night.shop.stock(ROWS)
    component = night.stack.airflow.components[dies]
    with Writes(night.shop) as writes, gate_at(night.shop, IN_THE_SECOND_RANGE) as gate:
        run_id, _ = begin_and_wait_at(gate, night)
        component.kill()
        gate.open()
        component.start()
        await_that(night.api.health, "Airflow answers again")
        run = night.end_of("stock_sync", run_id)
        assert_complete(night, run)
        assert_repaired(night, writes)
