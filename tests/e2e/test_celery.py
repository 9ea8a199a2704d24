"""What only an Airflow as docker-compose.yaml has it can show: more than one worker, health checks, metrics."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.airflow.driver import await_that
from tests.kit.airflow.place import HEALTH_PORT
from tests.kit.airflow.three_ranges import (
    IN_THE_SECOND_RANGE,
    SUMMING,
    assert_complete,
    assert_repaired,
    begin_and_wait_at,
    rows,
)
from tests.kit.airflow.trouble import gate_at
from tests.kit.cluster.compose_file import compose

pytestmark = [pytest.mark.timeout(1200), pytest.mark.usefixtures("cluster")]
SERVICES = compose()["services"]


def worker_of(night, task):
    """Which worker a task's process belongs to."""
    ancestors = {process.pid for process in task.parents()}
    workers = [worker for name, worker in night.stack.airflow.components.items() if name.startswith("worker-")]
    return next(worker for worker in workers if worker.pid in ancestors)


def said_of_stock(night):
    """The gauges of stock_sync that StatsD has heard."""
    prefix = "airflow.stock_sync."
    return {
        name.removeprefix(prefix): value for name, value in dict(night.place.gauges).items() if name.startswith(prefix)
    }


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
    night.shop.stock(rows(10_000))
    run = night.run()
    assert run.state == "success", run.tasks
    summary = adds_up(night, run)
    assert summary["status"] == "complete"
    gauges = {"total": "10000|g", "restored": f"{summary['restored']}|g", "discrepancies.critical": "357|g"}
    await_that(lambda: gauges.items() <= said_of_stock(night).items(), f"StatsD hears {gauges}")


def test_a_worker_killed_in_the_middle_costs_time_and_nothing_else(night):
    night.shop.stock(rows(10_000))
    run_id = night.api.trigger("stock_sync")
    await_that(lambda: night.cache.exists(f"sync:stock:progress:{run_id}"), "reconcile has begun")
    task = await_that(night.task_at_work, "a task reads the ledger")
    worker = worker_of(night, task)
    worker.kill()
    run = night.end_of("stock_sync", run_id)
    worker.start()
    assert run.state == "success", run.tasks
    assert any(t["try_number"] > 1 for t in night.api.tasks("stock_sync", run_id) if t["task_id"] == "reconcile")
    assert adds_up(night, run)["status"] == "complete"


@pytest.mark.fault(23)
@pytest.mark.parametrize("dies", ["scheduler", "api-server"])
def test_a_scheduler_or_an_api_server_that_dies_while_the_workers_live_on_is_made_good_by_its_start(
    night, writes, dies
):
    component = night.stack.airflow.components[dies]
    with gate_at(night.shop, IN_THE_SECOND_RANGE) as gate:
        run_id, _ = begin_and_wait_at(gate, night)
        component.kill()
        gate.open()
        component.start()
        await_that(night.api.health, "Airflow answers again")
        run = night.end_of("stock_sync", run_id)
        assert_complete(night, run)
        assert_repaired(night, writes)


def here(night, service):
    """Where a health check finds its server: in a container at the usual port, here at another."""
    settings, company = night.stack.airflow.settings, night.place.company
    at = {
        "localhost:8974": f"localhost:{settings[HEALTH_PORT]}",
        "localhost:8080": night.stack.airflow.url.removeprefix("http://"),
        "127.0.0.1/9092": f"127.0.0.1/{company.kafka.port}",
        "$${HOSTNAME}": "worker-1" if service == "airflow-worker" else socket.gethostname(),
    }
    if service == "schema-registry":
        at["localhost:8080"] = f"localhost:{company.registry.port}"
    if service.endswith("-redis"):
        at["redis-cli"] = f"redis-cli -p {getattr(company, service.replace('-', '_')).port}"
    return at


@pytest.mark.parametrize("service", [name for name, service in SERVICES.items() if "healthcheck" in service])
def test_a_well_service_passes_the_health_check_compose_makes(night, service):
    kind, *words = SERVICES[service]["healthcheck"]["test"]
    for there, found in here(night, service).items():
        words = [word.replace(there, found) for word in words]
    command = ["sh", "-c", *words] if kind == "CMD-SHELL" else words
    programs = f"{Path(sys.executable).parent}:{night.place.company.postgres.programs}"
    environment = os.environ | night.stack.airflow.settings | {"PGPORT": str(night.place.company.postgres.port)}
    environment["PATH"] = f"{programs}:{os.environ['PATH']}"
    asked = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert asked.returncode == 0, asked.stdout + asked.stderr
