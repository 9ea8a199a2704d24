"""What all servers of the stack have in common: an address on this machine, and a life in one process."""

from abc import ABC, abstractmethod
from typing import Self

from local.servers.ports import free_port
from local.supervisor.process import Process


class Startable(ABC):
    """What is started and stopped. As a context manager it runs inside the block, and leaves nothing if it cannot."""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @abstractmethod
    def start(self) -> None:
        """Start it; return when it can be used."""

    @abstractmethod
    def stop(self) -> None:
        """End it, or what there is of it."""


class Server(Startable):
    """A program that answers on a port of 127.0.0.1.

    Attributes:
        name: what a person calls it.
        patience: how many seconds it may take until it answers; they only bound a failure.
    """

    name: str
    patience: float = 30

    def __init__(self) -> None:
        self.host = "127.0.0.1"
        self.port = free_port()
        self._process: Process | None = None

    @property
    def process(self) -> Process:
        """Its process, for tests that pause or kill it; there is one from the first start on."""
        if self._process is None:
            raise RuntimeError(f"{self.name} has never been started")
        return self._process

    @property
    def running(self) -> bool:
        """Whether its process is there (a paused one is)."""
        return self._process is not None and self._process.running

    def start(self) -> None:
        """Start it, with all it needs the first time; return when it answers."""
        if self._process is None:
            self._process = self._prepare()
        self._process.start().wait_until(self._answers, "answer", self.patience)

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.stop()

    def restart(self) -> None:
        """Stop and start again, on the same port."""
        self.stop()
        self.start()

    @abstractmethod
    def _prepare(self) -> Process:
        """Write the files it is started with, and return how. Done once."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether it can be used now; that it does not listen yet is no error."""
