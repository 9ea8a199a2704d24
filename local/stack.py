"""Everything together: PostgreSQL, Redis, a Kafka broker, stand-ins for Slack and PagerDuty, and Airflow.

Connections in the environment join them.
"""

import json
import os
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Self, TypeVar

from local.connections import (
    PRODUCT_DB,
    STOCK_KAFKA,
    STOCK_OPS,
    STOCK_PAGERDUTY,
    STOCK_REDIS,
    STOCK_SLACK,
    Connection,
    Names,
    given,
)
from local.console import Steps
from local.servers.airflow import Airflow
from local.servers.base import Server
from local.servers.kafka import Kafka
from local.servers.postgres import Postgres
from local.servers.redis import Redis
from local.standins.pagerduty import PagerDuty
from local.standins.slack import Slack
from local.supervisor.run_folder import RunFolder
from stocksync import migrations

METADATA_DATABASE = "airflow"
PRODUCT_DATABASE = "shop"
OPERATIONS_DATABASE = "operations"
CONNECTIONS = (PRODUCT_DB, STOCK_OPS, STOCK_REDIS, STOCK_KAFKA, STOCK_SLACK, STOCK_PAGERDUTY)


Started = TypeVar("Started", bound=Server)


class Stack:
    """The services a night needs, embedded unless the environment names others.

    As a context manager it has PostgreSQL, Redis, Kafka and the stand-ins inside the block, side by side;
    `start_airflow` adds Airflow. Where AIRFLOW_CONN_PRODUCT_DB, _STOCK_OPS, _STOCK_REDIS, _STOCK_KAFKA, _STOCK_SLACK
    or _STOCK_PAGERDUTY is set, that service is used instead of an embedded one. PostgreSQL is started in any case:
    Airflow's metadata live there.

    Args:
        run: the run it belongs to.
        steps: where to show what is being done.
        environment: where connections and settings may be set already.

    Attributes:
        slack: the stand-in, None where a connection is set.
        pagerduty: the stand-in, None where a connection is set.
    """

    def __init__(self, run: RunFolder, steps: Steps, environment: Mapping[str, str] = os.environ) -> None:
        self._run = run
        self._steps = steps
        self._given = {name: given(name, environment) for name in CONNECTIONS}
        self._settings = {name: value for name, value in environment.items() if name.startswith("STOCK_SYNC_")}
        self._end = ExitStack()
        self.names = Names.from_environment(environment)
        self.connections: dict[str, str] = {}
        self.services: list[Server] = []
        self.slack: Slack | None = None
        self.pagerduty: PagerDuty | None = None
        self._postgres = Postgres(run)

    def __enter__(self) -> Self:
        try:
            with ThreadPoolExecutor() as pool:
                starts = (self._start_postgres, self._start_redis, self._start_kafka, self._start_stand_ins)
                started = [pool.submit(start) for start in starts]
            for each in started:
                each.result()
        except BaseException:
            self._end.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End everything, what was started last first."""
        self._end.close()

    @property
    def embeds_shop(self) -> bool:
        """Whether both the ledger and the cache are the stack's own."""
        return self._given[PRODUCT_DB] is None and self._given[STOCK_REDIS] is None

    @property
    def metadata_uri(self) -> str:
        """The address of Airflow's metadata."""
        return self._postgres.uri_of(METADATA_DATABASE)

    def connection(self, name: str) -> Connection:
        """Return one of the connections, as a client needs it."""
        return Connection.parse(name, self.connections[name])

    def start_airflow(
        self, *, settings: Mapping[str, str] | None = None, without: Collection[str] = (), workers: int = 0
    ) -> Airflow:
        """Start Airflow with the connections in its environment; it ends with the stack."""
        settings = self._settings | dict(settings or {})
        airflow = Airflow(
            self._run, self.metadata_uri, self.connections, settings=settings, without=without, workers=workers
        )
        self._end.callback(airflow.stop)
        with self._steps.step("Airflow's metadata"):
            airflow.migrate()
        with self._steps.step("Airflow") as step:
            step.note(", ".join(airflow.components))
            airflow.start()
        return airflow

    def _start_postgres(self) -> None:
        self._start(self._postgres, "127.0.0.1:{0.port}, Airflow's metadata, the ledger and the operations store")
        self._postgres.create_database(METADATA_DATABASE)
        self._use(PRODUCT_DB, lambda: self._postgres.create_database(PRODUCT_DATABASE))
        self._use(STOCK_OPS, self._create_operations)

    def _create_operations(self) -> str:
        """Make the operations store as a company does: an owner, and a role for the DAGs that inserts and reads."""
        owner = self._postgres.create_database(OPERATIONS_DATABASE)
        worker = self._postgres.create_role("stock_ops_worker")
        migrations.upgrade(migrations.connect_to(owner), worker=worker.name)
        return self._postgres.uri_of(OPERATIONS_DATABASE, worker)

    def _start_redis(self) -> None:
        def start() -> str:
            server = self._start(Redis(self._run), "127.0.0.1:{0.port}")
            return f"redis://:{server.password}@{server.host}:{server.port}"

        self._use(STOCK_REDIS, start)

    def _start_kafka(self) -> None:
        def start() -> str:
            broker = self._start(Kafka(self._run), "127.0.0.1:{0.port}")
            for topic in (self.names.topic, self.names.dead_letters):
                broker.create_topic(topic)
            return json.dumps({"conn_type": "kafka", "extra": {"bootstrap.servers": broker.bootstrap_servers}})

        self._use(STOCK_KAFKA, start)

    def _start_stand_ins(self) -> None:
        def start_slack() -> str:
            with self._steps.step("Slack") as step:
                self.slack = self._end.enter_context(Slack(self._run.logs / "slack.jsonl"))
                step.note(f"127.0.0.1:{self.slack.port}, a stand-in")
            return self.slack.connection

        def start_pagerduty() -> str:
            with self._steps.step("PagerDuty") as step:
                self.pagerduty = PagerDuty(self._run.path, self._run.logs / "pagerduty.jsonl")
                self._end.enter_context(self.pagerduty)
                step.note(f"127.0.0.1:{self.pagerduty.port}, a stand-in over TLS")
            return self.pagerduty.connection

        self._use(STOCK_SLACK, start_slack)
        self._use(STOCK_PAGERDUTY, start_pagerduty)

    def _use(self, name: str, start: Callable[[], str]) -> None:
        """Take the connection that is set already, or start a service and set it."""
        set_already = self._given[name]
        if set_already is None:
            self.connections[name] = start()
            return
        with self._steps.step(name) as step:
            Connection.parse(name, set_already)
            step.note("set in the environment, used as it is")
        self.connections[name] = set_already

    def _start(self, service: Started, detail: str) -> Started:
        with self._steps.step(service.name) as step:
            self._end.callback(service.stop)
            service.start()
            step.note(detail.format(service))
        self.services.append(service)
        return service
