"""A Redis with a replica, and a sentinel that makes the replica the master when the master is gone."""

import secrets

import redis

from local.servers.base import Startable
from local.servers.redis import Redis, program
from local.supervisor.process import Process
from local.supervisor.run_folder import RunFolder

MASTER_NAME = "shop"


class RedisReplica(Redis):
    """A server with a folder of its own; a replica, if it has a master."""

    def __init__(self, run: RunFolder, password: str, master: Redis | None = None) -> None:
        super().__init__(run)
        self.name = "Redis replica" if master else "Redis master"
        self.password = password
        self._folder = run.path / f"redis-{secrets.token_hex(3)}"
        self._settings = f"masterauth {password}\nrepl-diskless-sync-delay 0\n"
        if master is not None:
            self._settings += f"replicaof {master.host} {master.port}\n"


class RedisSentinel(Redis):
    """The sentinel; it has a password of its own."""

    def __init__(self, run: RunFolder, master: Redis) -> None:
        super().__init__(run)
        self.name = "Redis Sentinel"
        self._folder = run.path / f"redis-sentinel-{secrets.token_hex(3)}"
        self._settings = (
            f"port {self.port}\nbind 127.0.0.1\nrequirepass {self.password}\ndir {self._folder}\n"
            f"sentinel monitor {MASTER_NAME} {master.host} {master.port} 1\n"
            f"sentinel auth-pass {MASTER_NAME} {master.password}\n"
            f"sentinel down-after-milliseconds {MASTER_NAME} 1000\n"
            f"sentinel failover-timeout {MASTER_NAME} 4000\n"
        )

    def _prepare(self) -> Process:
        self._folder.mkdir(mode=0o700)
        configuration = self._folder / "sentinel.conf"
        configuration.write_text(self._settings)
        return Process(self._folder.name, [program(), configuration, "--sentinel"], run=self._run)

    def knows_the_replica(self) -> bool:
        """Whether it could make it the master."""
        with redis.Redis(host=self.host, port=self.port, password=self.password, protocol=2) as asked:
            replicas = asked.sentinel_slaves(MASTER_NAME)
        return any(each["master-link-status"] == "ok" and "s_down" not in each["flags"] for each in replicas)


class RedisBehindSentinel(Startable):
    """The three of them."""

    def __init__(self, run: RunFolder) -> None:
        password = secrets.token_urlsafe(16)
        self.master = RedisReplica(run, password)
        self.replica = RedisReplica(run, password, self.master)
        self.sentinel = RedisSentinel(run, self.master)

    def start(self) -> None:
        """Start all, the master first."""
        for server in (self.master, self.replica, self.sentinel):
            server.start()

    def stop(self) -> None:
        """End all."""
        for server in (self.sentinel, self.replica, self.master):
            server.stop()
