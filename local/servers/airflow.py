"""A real Airflow on 127.0.0.1 with LocalExecutor.

It reads the project's own dags/ and plugins/ folders and keeps its metadata in the PostgreSQL it is given.
"""

import base64
import json
import os
import secrets
import sys
from collections.abc import Callable, Collection, Mapping

from local import PROJECT
from local.servers.airflow_api import AirflowApi
from local.servers.ports import free_port
from local.supervisor.process import Process, ProcessFailed
from local.supervisor.run_folder import RunFolder

# Task logs are files on this machine, which the API server reads itself: no need for log servers, which would
# listen on every interface.
COMPONENTS = {
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "api-server": ["api-server"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}
START_SECONDS = 180


class Airflow:
    """One Airflow: API server, scheduler, DAG processor and triggerer.

    Args:
        run: the run it belongs to.
        database: an empty PostgreSQL database for the metadata.
        connections: `AIRFLOW_CONN_...` variables for the tasks.
        settings: further environment variables for all components.
        without: components that are not needed.
        workers: how many Celery workers to start, where `settings` choose CeleryExecutor.
    """

    def __init__(  # noqa: PLR0913 - what makes one Airflow another
        self,
        run: RunFolder,
        database: str,
        connections: Mapping[str, str],
        *,
        settings: Mapping[str, str] | None = None,
        without: Collection[str] = (),
        workers: int = 0,
    ) -> None:
        self.user = "admin"
        self.password = secrets.token_urlsafe(12)
        self.url = f"http://127.0.0.1:{free_port()}"
        self.home = run.path / "airflow"
        self.api = AirflowApi(self.url, self.user, self.password)
        self.task_logs = run.logs / "airflow" / "tasks"
        self._run = run
        self.settings = self._own_settings(database) | dict(connections) | dict(settings or {})
        self.components = {
            name: self._program(name, words) for name, words in COMPONENTS.items() if name not in without
        }
        for number in range(workers):
            name = f"worker-{number}"
            words = ["celery", "worker", "--skip-serve-logs", "--celery-hostname", name]
            self.components[name] = self._program(name, words)

    def migrate(self) -> None:
        """Create its home and the metadata tables."""
        self.home.mkdir(mode=0o700)
        (self.home / "config").symlink_to(PROJECT / "config")
        passwords = self.home / "passwords.json"
        passwords.touch(mode=0o600)
        passwords.write_text(json.dumps({self.user: self.password}))
        self._program("migrate", ["db", "migrate"]).start().complete(START_SECONDS)

    def start(self) -> None:
        """Start every component; return when each of them is healthy."""
        for component in self.components.values():
            component.start()
        self.wait_until(self._healthy, "become healthy", START_SECONDS)

    def wait_until(self, ready: Callable[[], bool], what: str, seconds: float) -> None:
        """Wait until `ready()` holds; raise if a component ends, or the time is up, before that."""
        for name, component in self.components.items():
            if not component.running:
                raise ProcessFailed(f"Airflow's {name} has ended{component.last_words()}")
        self.components["scheduler"].wait_until(ready, what, seconds)

    def stop(self) -> None:
        """End every component: the scheduler first, which waits a little for the tasks that run."""
        self.components["scheduler"].stop()
        for component in self.components.values():
            component.kill()

    def _healthy(self) -> bool:
        health = self.api.health()
        return all(
            health.get(name.replace("-", "_"), {}).get("status") == "healthy"
            for name in COMPONENTS.keys() & self.components.keys() - {"api-server"}
        ) and bool(health)

    def _program(self, name: str, words: list[str]) -> Process:
        # -m airflow, not the script beside python: a virtualenv that was moved still works.
        command = [sys.executable, "-m", "airflow", *words]
        foreign = ("AIRFLOW__", "AIRFLOW_HOME", "AIRFLOW_CONFIG")  # somebody's own Airflow is none of our business
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        return Process(f"airflow-{name}", command, run=self._run, env=inherited | self.settings)

    def _own_settings(self, database: str) -> dict[str, str]:
        direct = filter(None, [os.environ.get("NO_PROXY"), os.environ.get("no_proxy"), "127.0.0.1", "localhost"])
        return {
            "AIRFLOW_HOME": str(self.home),
            "PYTHONPATH": str(PROJECT / "include"),
            "PYTHONUNBUFFERED": "1",
            **dict.fromkeys(("NO_PROXY", "no_proxy"), ",".join(direct)),  # the latter wins where both are set
            "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "8",
            "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{self.user}:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.home / "passwords.json"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database.replace("postgresql://", "postgresql+psycopg2://"),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": self.url.rpartition(":")[2],
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(64),
            "AIRFLOW__API__INSTANCE_NAME": "stock-sync",
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.task_logs),
            "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(self.task_logs.with_name("parsing")),
            "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
            # A person waits for the first run: look more often than a server would.
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
            # A worker may notice the end of its task only after this many seconds, and takes no other until then.
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
            # A machine that is busy starting all this may take longer than the usual 5 s over a task's first request.
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
            "AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "1",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "10",
        }
