"""What a Kafka broker of the stack is for its clients, whichever program it is."""

from abc import abstractmethod

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from local.servers.base import Server
from local.servers.ports import listens


class Broker(Server):
    """One broker. A stop loses the messages and the offsets of groups; the topics are made again.

    To test an outage that loses nothing, pause and resume its process.
    """

    def __init__(self) -> None:
        super().__init__()
        self._topics: dict[str, int] = {}

    @property
    def bootstrap_servers(self) -> str:
        """The broker's address as Kafka clients want it."""
        return f"{self.host}:{self.port}"

    @property
    @abstractmethod
    def client(self) -> dict[str, str]:
        """What a client that may do everything is made with."""

    def admin(self) -> AdminClient:
        """Open a client that makes topics. Hold on to it: its pending answers end with it."""
        return AdminClient({**self.client})

    def start(self) -> None:
        """Start the broker; return when it answers and has the topics it had before."""
        super().start()
        for topic, partitions in self._topics.items():
            self._create(topic, partitions)

    def create_topic(self, topic: str, partitions: int = 3) -> None:
        """Create a topic, and again after each restart."""
        self._create(topic, partitions)
        self._topics[topic] = partitions

    def forget_topic(self, topic: str) -> None:
        """Do not create a topic again."""
        self._topics.pop(topic, None)

    def _create(self, topic: str, partitions: int) -> None:
        admin = self.admin()
        for created in admin.create_topics([NewTopic(topic, partitions, 1)]).values():
            created.result(timeout=30)

    def _answers(self) -> bool:
        if not listens(self.host, self.port):  # a client of a port that is shut would complain in the log
            return False
        try:
            self.admin().list_topics(timeout=2)
        except KafkaException:
            return False
        return True
