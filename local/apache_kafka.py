"""Apache Kafka itself on 127.0.0.1, from deploy/kafka: with the users, the log-in and the rights of the cluster."""

import base64
import secrets
import shutil
import socket
import uuid
from pathlib import Path
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from local import java
from local.ports import free_port
from local.process import Process
from local.run_folder import RunFolder

VERSION = "4.1.1"
DEPLOY = Path(__file__).resolve().parent.parent / "deploy" / "kafka"
_MAIN = {"kafka-storage.sh": "kafka.tools.StorageTool", "kafka-server-start.sh": "kafka.Kafka"}


class ApacheKafka:
    """One broker, with the interface of `local.kafka.Kafka`. As a context manager it runs inside the block.

    A stop loses the messages and the offsets of groups, as it does there: tests count on it.
    """

    name = "Apache Kafka"

    def __init__(self, run: RunFolder) -> None:
        self.host = "127.0.0.1"
        self.port, self._controller = free_port(), free_port()
        self.password = secrets.token_hex(16)
        self._topics: dict[str, int] = {}
        self._home = run.path / "apache-kafka"
        self._data = self._home / "data"
        self._configuration = self._home / "server.properties"
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "KAFKA_HOME": str(self._home),
            "KAFKA_ADMIN_PASSWORD": self.password,
            "KAFKA_CLUSTER_ID": cluster,
        }
        self.process = Process("apache-kafka", [DEPLOY / "start.sh", self._configuration], run=run, env=environment)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def bootstrap_servers(self) -> str:
        """The broker's address as Kafka clients want it."""
        return f"{self.host}:{self.port}"

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

    @property
    def running(self) -> bool:
        """Whether the broker's process is there (a paused one is)."""
        return self.process.running

    def start(self) -> None:
        """Start the broker; return when it answers and has the topics it had before."""
        self._prepare()
        self.process.start().wait_until(self._answers, "answer", 90)
        for topic, partitions in self._topics.items():
            self._create(topic, partitions)

    def stop(self) -> None:
        """End the broker, and with it every message."""
        self.process.stop()
        shutil.rmtree(self._data, ignore_errors=True)

    def restart(self) -> None:
        """Stop and start again, on the same port with the same topics, all empty."""
        self.stop()
        self.start()

    def create_topic(self, topic: str, partitions: int = 3) -> None:
        """Create a topic, and again after each restart."""
        self._create(topic, partitions)
        self._topics[topic] = partitions

    def forget_topic(self, topic: str) -> None:
        """Do not create a topic again."""
        self._topics.pop(topic, None)

    def admin(self) -> AdminClient:
        """Log in as the administrator."""
        return AdminClient(self.client)

    def _create(self, topic: str, partitions: int) -> None:
        admin = self.admin()  # held on to: its pending answers end with it
        for created in admin.create_topics([NewTopic(topic, partitions, 1)]).values():
            created.result(timeout=30)

    def _answers(self) -> bool:
        try:
            socket.create_connection((self.host, self.port), timeout=1).close()
            self.admin().list_topics(timeout=2)
        except (OSError, KafkaException):
            return False
        return True

    def _prepare(self) -> None:
        """Put the deployed configuration on this machine's ports and folders; nothing else of it changes."""
        programs = self._home / "bin"
        programs.mkdir(parents=True, exist_ok=True)
        jars = java.classpath("org.apache.kafka", "kafka_2.13", VERSION)
        for name, main in _MAIN.items():
            script = programs / name
            script.write_text(
                f'#!/bin/sh\nexec java -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "{jars}" {main} "$@"\n'
            )
            script.chmod(0o755)
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
        self._configuration.write_text("\n".join(lines) + "\n")
