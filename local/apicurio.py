"""A real schema registry with Confluent's API (Apicurio, from Maven Central), as docker-compose.yaml has it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Self
from urllib.error import URLError
from urllib.request import urlopen

from local import java
from local.ports import free_port
from local.process import Process
from local.run_folder import RunFolder

VERSION = "3.0.9"
"""The last one that runs on Java 17."""
API = "/apis/ccompat/v7"


class Apicurio:
    """One registry. As a context manager it runs inside the block.

    Args:
        run: the run it belongs to.
        storage: the variables that tell where it keeps what it knows; by default in memory.
    """

    name = "Schema registry"

    def __init__(self, run: RunFolder, storage: Mapping[str, str] | None = None) -> None:
        self._address = f"http://127.0.0.1:{free_port()}"
        program = _program()
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "QUARKUS_HTTP_HOST": "127.0.0.1",
            "QUARKUS_HTTP_PORT": self._address.rpartition(":")[2],
            **(storage or {}),
        }
        command = ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-jar", program]
        self.process = Process("apicurio", command, run=run, env=environment)

    def __enter__(self) -> Self:
        self.process.start().wait_until(self._answers, "answer", 120)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stop()

    @property
    def url(self) -> str:
        """What STOCK_SYNC_SCHEMA_REGISTRY_URL is set to."""
        return self._address + API

    def _answers(self) -> bool:
        try:
            with urlopen(f"{self.url}/subjects", timeout=2) as answer:  # noqa: S310 - our own http
                return bool(answer.status == 200)  # noqa: PLR2004 - HTTP's yes
        except (URLError, OSError):
            return False


def _program() -> Path:
    folder = java.unpacked("io.apicurio", "apicurio-registry-app", VERSION, "all")
    return next(folder.glob("*-runner.jar"))
