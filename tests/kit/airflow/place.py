"""Where a night happens: on embedded services, or at a company."""

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from io import StringIO

from rich.console import Console

from local.connections import PRODUCT_DB, STOCK_KAFKA, STOCK_REDIS
from local.console import Steps
from local.servers.ports import free_port
from local.stack import Stack
from local.supervisor.run_folder import RunFolder
from tests.kit.cluster.company import Company
from tests.kit.cluster.statsd import statsd
from tests.kit.real_shop import RealShop

HEALTH_PORT = "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT"
TAKEN_OVER_SOONER = {
    # How soon a scheduler takes over the tasks of one that died; a test has less time than a night.
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "3",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "20",
}
CELERY_SOONER = {
    **TAKEN_OVER_SOONER,
    "AIRFLOW__CELERY__WORKER_CONCURRENCY": "2",
    # A dead worker's tasks are noticed by their silence.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "2",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "5",
}


@dataclass
class Place:
    """A stack without Airflow, and its shop; at a company the DAGs have fewer rights there than the shop's owner.

    Attributes:
        company: None on embedded services.
        gauges: what StatsD has heard of an Airflow that is as compose tells it to be.
    """

    stack: Stack
    shop: RealShop
    company: Company | None = None
    gauges: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def airflow(self):
        """Airflow as it is by default here: with LocalExecutor, or at a company as compose tells it to be."""
        with statsd() as (port, self.gauges):
            self.stack.airflow = self._composed(port) if self.company else self._local()
            yield self.stack.airflow
            for component in self.stack.airflow.components.values():
                component.kill()

    def _local(self):
        return self.stack.start_airflow(settings=TAKEN_OVER_SOONER)

    def _composed(self, statsd_port):
        """CeleryExecutor with two workers, and metrics."""
        self.company.env |= {"STATSD_ON": "True", "STATSD_HOST": "127.0.0.1", "STATSD_PORT": str(statsd_port)}
        results = self.stack.metadata_uri.replace("postgresql://", "db+postgresql+psycopg2://")
        own = {"AIRFLOW__CELERY__RESULT_BACKEND": results, HEALTH_PORT: str(free_port())}
        return self.stack.start_airflow(settings=self.company.airflow | CELERY_SOONER | own, workers=2)


@contextmanager
def place(kind, *, company):
    """Open one."""
    with ExitStack() as end:
        at = end.enter_context(Company()) if company else None
        run = end.enter_context(RunFolder(kind))
        steps = end.enter_context(Steps(Console(file=StringIO())))
        stack = end.enter_context(Stack(run, steps, at.environment if at else {}))
        yield Place(stack, at.shop if at else _shop_of(stack), at)


def _shop_of(stack):
    cache, servers = stack.connection(STOCK_REDIS).redis(), stack.connection(STOCK_KAFKA).kafka()
    return RealShop(stack.connections[PRODUCT_DB], cache, servers, stack.names.topic)
