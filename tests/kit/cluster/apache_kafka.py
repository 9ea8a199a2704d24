"""Apache Kafka itself on 127.0.0.1, from deploy/kafka: with the users, the log-in and the rights of the cluster."""

import secrets
import shutil

from local import PROJECT
from local.servers.broker import Broker
from local.servers.ports import free_port
from local.supervisor.process import Process
from local.supervisor.run_folder import RunFolder
from tests.kit.cluster import java

VERSION = "4.1.1"
CLUSTER = "-xSxIF0NTW2EbF1ONAqNMA"
"""One in 64 of the ids that `make env` writes begins with a hyphen, as this one: it is no option."""
DEPLOY = PROJECT / "deploy" / "kafka"
_MAIN = {"kafka-storage.sh": "kafka.tools.StorageTool", "kafka-server-start.sh": "kafka.Kafka"}


class ApacheKafka(Broker):
    """One broker that is its own controller, and whose administrator has this password."""

    name = "Apache Kafka"
    patience = 90

    def __init__(self, run: RunFolder, password: str | None = None) -> None:
        super().__init__()
        self._controller = free_port()
        self.password = password or secrets.token_hex(16)
        self._run = run
        self._home = run.path / "apache-kafka"
        self._data = self._home / "data"

    @property
    def client(self) -> dict[str, str]:
        """What a client of the administrator is made with."""
        return self.client_of("admin", self.password)

    def client_of(self, user: str, password: str) -> dict[str, str]:
        """Return what a client is made with."""
        return {
            "bootstrap.servers": self.bootstrap_servers,
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": user,
            "sasl.password": password,
        }

    def stop(self) -> None:
        """End the broker, and with it every message."""
        super().stop()
        shutil.rmtree(self._data, ignore_errors=True)

    def _prepare(self) -> Process:
        self._write_programs()
        configuration = self._home / "server.properties"
        configuration.write_text(self._configuration())
        environment = {
            "PATH": java.PATH,
            "KAFKA_HOME": str(self._home),
            "KAFKA_ADMIN_PASSWORD": self.password,
            "KAFKA_CLUSTER_ID": CLUSTER,
        }
        return Process("apache-kafka", [DEPLOY / "start.sh", configuration], run=self._run, env=environment)

    def _write_programs(self) -> None:
        """Stand in for the programs of Kafka's own distribution; Maven Central has the jars only."""
        programs = self._home / "bin"
        programs.mkdir(parents=True, exist_ok=True)
        jars = java.classpath("org.apache.kafka", "kafka_2.13", VERSION)
        for name, main in _MAIN.items():
            script = programs / name
            script.write_text(f'#!/bin/sh\nexec java {" ".join(java.SMALL)} -cp "{jars}" {main} "$@"\n')
            script.chmod(0o755)

    def _configuration(self) -> str:
        """Return the deployed one on this machine's ports and folders; nothing else of it changes."""
        here = {
            "controller.quorum.bootstrap.servers": f"{self.host}:{self._controller}",
            "listeners": f"SASL_PLAINTEXT://{self.bootstrap_servers},CONTROLLER://{self.host}:{self._controller}",
            "advertised.listeners": f"SASL_PLAINTEXT://{self.bootstrap_servers}",
            "log.dirs": str(self._data),
        }
        lines = []
        for line in (DEPLOY / "server.properties").read_text().splitlines():
            name = line.partition("=")[0]
            lines.append(f"{name}={here.pop(name)}" if name in here else line)
        if here:
            raise RuntimeError(f"{DEPLOY}/server.properties no longer sets {', '.join(here)}")
        return "\n".join(lines) + "\n"
