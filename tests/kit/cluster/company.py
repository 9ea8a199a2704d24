"""A company's servers as docker-compose.yaml has them, side by side on this machine."""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from local.servers.postgres import Postgres
from local.supervisor.run_folder import RunFolder
from tests.kit.cluster.apache_kafka import ApacheKafka
from tests.kit.cluster.apicurio import Apicurio
from tests.kit.cluster.compose_file import compose, environment_of, fresh_env
from tests.kit.cluster.deployed import DeployedRedis, run_script
from tests.kit.database import execute
from tests.kit.paths import ROOT
from tests.kit.real_shop import RealShop
from tests.kit.subscriber import CONFLUENT

OWN = {
    "AIRFLOW__API__BASE_URL",
    "AIRFLOW__CELERY__RESULT_BACKEND",
    "AIRFLOW__CORE__EXECUTION_API_SERVER_URL",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
}
"""Where an Airflow is, and who logs in; one started here has its own."""


class Company:
    """A context manager: each server from its own files in deploy/, made ready by the one-shot init.

    Attributes:
        env: what `make env` wrote.
        shop: the ledger, the cache and the topic with the rights of their owner; the DAGs have fewer.
    """

    def __enter__(self):
        with ExitStack() as end:
            run = end.enter_context(RunFolder("company"))
            self.env = fresh_env(run.path)
            self.home = run.path / "airflow"
            self.postgres, self.kafka = Postgres(run), ApacheKafka(run, self.env["KAFKA_ADMIN_PASSWORD"])
            self.stock_redis = DeployedRedis(
                run, "stock-redis", env=self.env, more_users="user owner on nopass ~* &* +@all\n"
            )
            self.celery_redis = DeployedRedis(run, "celery-redis", env=self.env)
            self.registry = Apicurio(run)
            servers = [self.postgres, self.kafka, self.stock_redis, self.celery_redis, self.registry]
            with ThreadPoolExecutor() as pool:
                list(pool.map(end.enter_context, servers))
            self.shop = self._make_the_shop()
            self._make_airflows_databases()
            self._initialize()
            self._end = end.pop_all()
        return self

    def __exit__(self, *_):
        self._end.close()

    @property
    def environment(self):
        """What compose gives the DAGs: connections with their least rights, and settings."""
        return {name: value for name, value in self._here("airflow-worker").items() if not _airflows(name)}

    @property
    def airflow(self):
        """What compose gives Airflow itself."""
        everything = self._here("airflow-worker")
        return {name: value for name, value in everything.items() if _airflows(name) and name not in OWN}

    def _here(self, service):
        """A service's environment, its servers and folders those of this machine."""
        here = {"/opt/airflow": str(self.home)}
        here |= {
            there: f"{server.host}:{server.port}"
            for there, server in {
                "product-db:5432": self.postgres,
                "airflow-db:5432": self.postgres,
                "stock-redis:6379": self.stock_redis,
                "celery-redis:6379": self.celery_redis,
                "kafka:9092": self.kafka,
                "schema-registry:8080": self.registry,
            }.items()
        }
        places = re.compile("|".join(here))
        environment = environment_of(service, self.env)
        return {name: places.sub(lambda found: here[found[0]], value) for name, value in environment.items()}

    def _make_the_shop(self):
        """Make the database by the deployed script; what a test adds to it later may be read like its table."""
        owner = self.postgres.create_database("shop")
        password = self.env["PRODUCT_DB_DAGS_PASSWORD"]
        run_script(self.postgres.programs, owner, "product-db.sql", PRODUCT_DB_DAGS_PASSWORD=password)
        execute(
            owner,
            "ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO stock_sync;"
            "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO stock_sync",
        )
        cache = self.stock_redis.client("owner", "any")
        return RealShop(owner, cache, self.kafka.client, "stock.sync.alert", framing=CONFLUENT)

    def _make_airflows_databases(self):
        """Make what stands beside Airflow's metadata; those of an Airflow started here are elsewhere."""
        airflow = self.postgres.create_database("airflow")
        run_script(self.postgres.programs, airflow, "airflow-db.sql", **environment_of("airflow-db", self.env))

    def _initialize(self):
        """Run what compose's one-shot init runs, but for Airflow's own `db migrate`."""
        (self.home / "auth").mkdir(parents=True)
        *shell, script = compose()["services"]["airflow-init"]["command"]
        environment = os.environ | self._here("airflow-init") | {"PYTHONPATH": str(ROOT / "include")}
        environment["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        subprocess.run([*shell, script.replace("airflow db migrate\n", "")], check=True, env=environment, cwd=ROOT)


def _airflows(name):
    return name.startswith("AIRFLOW__")
