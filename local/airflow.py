"""A real Airflow on 127.0.0.1: API server, scheduler, DAG processor and triggerer, with LocalExecutor.

It reads the project's own dags/ and plugins/ folders and keeps its metadata in the PostgreSQL it is given.
"""

import base64
import json
import os
import secrets
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from local.airflow_api import AirflowApi
from local.ports import free_port
from local.process import Process
from local.run_folder import RunFolder

PROJECT = Path(__file__).resolve().parent.parent
COMPONENTS = {
    # Task logs are files on this machine, which the API server reads itself: no need for log servers, which would
    # listen on every interface.
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "api-server": ["api-server"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}
START_SECONDS = 180


class Airflow:
    """One Airflow. As a context manager it runs inside the block.

    Args:
        run: the run it belongs to.
        database: an empty PostgreSQL database for the metadata.
        connections: `AIRFLOW_CONN_...` variables for the tasks.
        dags: the folder with the DAG files.
        settings: further environment variables for all components.
    """

    def __init__(
        self,
        run: RunFolder,
        database: str,
        connections: Mapping[str, str],
        *,
        dags: Path = PROJECT / "dags",
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.user = "admin"
        self.password = secrets.token_urlsafe(12)
        self.url = f"http://127.0.0.1:{free_port()}"
        self.home = run.path / "airflow"
        self._run = run
        self.environment = self._environment(database, dags) | dict(connections) | dict(settings or {})
        self.components = {name: self._program(name, words) for name, words in COMPONENTS.items()}
        self.api = AirflowApi(self.url, self.user, self.password)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Create the metadata tables, start every component; return when the API server answers."""
        self.home.mkdir(mode=0o700)
        passwords = self.home / "passwords.json"
        passwords.touch(mode=0o600)
        passwords.write_text(json.dumps({self.user: self.password}))
        self._program("migrate", ["db", "migrate"]).start().complete(START_SECONDS)
        for component in self.components.values():
            component.start()
        self.components["api-server"].wait_until(self.api.answers, "answer", START_SECONDS)

    def stop(self) -> None:
        """End every component, and the tasks they run, side by side."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(Process.stop, self.components.values()))

    def _program(self, name: str, words: list[str]) -> Process:
        # -m airflow, not the script beside python: a virtualenv that was moved still works.
        return Process(name, [sys.executable, "-m", "airflow", *words], run=self._run, env=self.environment)

    def _environment(self, database: str, dags: Path) -> dict[str, str]:
        """Return the whole environment: nobody's own Airflow settings leak in, connections do."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("AIRFLOW__") and name not in {"AIRFLOW_HOME", "AIRFLOW_CONFIG", "PYTHONPATH"}
        }
        logs = self._run.logs / "airflow"
        return inherited | {
            "AIRFLOW_HOME": str(self.home),
            "PYTHONPATH": str(PROJECT / "include"),
            "PYTHONUNBUFFERED": "1",
            "NO_PROXY": ",".join(filter(None, [os.environ.get("NO_PROXY"), "127.0.0.1", "localhost"])),
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
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
            "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(32),
            "AIRFLOW__API__INSTANCE_NAME": "stock-sync",
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(32),
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(logs / "tasks"),
            "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(logs / "parsing"),
            "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
            # A person waits for the first run: look more often than a server would.
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
            # A worker may notice the end of its task only after this many seconds, and takes no other until then.
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
            "AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "1",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "10",
        }
