"""A real schema registry with Confluent's API (Apicurio, from Maven Central), as docker-compose.yaml has it."""

from collections.abc import Mapping
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from local.servers.base import Server
from local.supervisor.process import Process
from local.supervisor.run_folder import RunFolder
from tests.kit.cluster import java

VERSION = "3.0.9"
"""The last one that runs on Java 17."""
API = "/apis/ccompat/v7"


class Apicurio(Server):
    """One registry.

    Args:
        run: the run it belongs to.
        storage: the variables that tell where it keeps what it knows; by default in memory.
    """

    name = "Schema registry"
    patience = 120

    def __init__(self, run: RunFolder, storage: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._run = run
        self._storage = dict(storage or {})

    @property
    def url(self) -> str:
        """What STOCK_SYNC_SCHEMA_REGISTRY_URL is set to."""
        return f"http://{self.host}:{self.port}{API}"

    def _prepare(self) -> Process:
        environment = {
            "PATH": java.PATH,
            "QUARKUS_HTTP_HOST": self.host,
            "QUARKUS_HTTP_PORT": str(self.port),
            **self._storage,
        }
        command = ["java", *java.SMALL, "-jar", str(_program())]
        return Process("apicurio", command, run=self._run, env=environment)

    def _answers(self) -> bool:
        try:
            with urlopen(f"{self.url}/subjects", timeout=2) as answer:  # noqa: S310 - our own http
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False


def _program() -> Path:
    folder = java.unpacked("io.apicurio", "apicurio-registry-app", VERSION, "all")
    return next(folder.glob("*-runner.jar"))
