"""Servers of docker-compose.yaml, started here from the same files."""

import os
import shutil
import signal
import subprocess
from contextlib import closing
from pathlib import Path

import psycopg2
import redis

from local.servers.base import Server
from local.servers.ports import listens
from local.servers.redis import program as embedded_redis
from local.supervisor.account import unprivileged
from local.supervisor.process import Process
from tests.kit.cluster.compose_file import DEPLOY, compose, environment_of, fresh_env
from tests.kit.paths import ROOT

DEBIAN_POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


def run_script(programs, database, name, **passwords):
    """Run a script of deploy/postgres as the image does for an empty database."""
    words = [programs / "psql", "--no-psqlrc", "--quiet", "--file", DEPLOY / "postgres" / name, database]
    subprocess.run(words, check=True, capture_output=True, env=os.environ | passwords)


def debian_redis():
    """Redis with TLS, as Debian's package redis-tools carries it under another name; None: not installed."""
    found = shutil.which("redis-server") or shutil.which("redis-check-rdb")
    return Path(found) if found else None


class DeployedRedis(Server):
    """Redis with the users and the configuration of a service.

    `more_users` are lines for the deployed list, for what a test does beyond the deployed users' rights.
    """

    def __init__(self, run, service, *, env=None, more_users="", words=(), program=None, port_word="--port"):
        super().__init__()
        self.name = service
        self.env = env or fresh_env(run.path)
        self._run, self._more_users, self._program = run, more_users, program
        self._words = [port_word, str(self.port), *words]

    def client(self, user, password=None, **how):
        return redis.Redis(self.host, self.port, username=user, password=password, socket_connect_timeout=3, **how)

    def _prepare(self):
        folder = self._run.path / f"{self.name}-{self.port}"
        folder.mkdir(mode=0o700)
        (folder / "redis-server").symlink_to(self._program or embedded_redis())
        service = compose()["services"][self.name]
        start, users, configuration = (f"{ROOT}{path}" for path in [*service["entrypoint"], *service["command"][:2]])
        template = folder / "template.acl"
        template.write_text(Path(users).read_text() + self._more_users)
        environment = environment_of(self.name, self.env)
        environment |= {"REDIS_RUN": str(folder), "PATH": f"{folder}:{os.environ['PATH']}"}
        command = [start, template, configuration, "--dir", str(folder), "--bind", self.host, *self._words]
        return Process(self.name, command, run=self._run, env=environment)

    def _answers(self):
        try:
            return self.client("health", "any").ping()
        except redis.ResponseError:
            return True  # it has users and says so
        except redis.ConnectionError:
            return "--tls-port" in self._words and listens(self.host, self.port)


class DebianPostgres(Server):
    """PostgreSQL with TLS, which the embedded one has not."""

    name = "PostgreSQL with TLS"
    patience = 60

    def __init__(self, run, certificate_with_key):
        super().__init__()
        self.password = "a password"
        self._run, self._tls = run, certificate_with_key

    def _prepare(self):
        place = self._run.elsewhere()
        place.chmod(0o755)
        data, secret = place / "data", place / "password"
        data.mkdir(mode=0o700)
        secret.write_text(self.password)
        certificate = place / "server.pem"
        shutil.copy(self._tls, certificate)
        certificate.chmod(0o600)
        account = unprivileged()
        if account:
            for path in (secret, data, certificate):
                account.own(path)
        how = {"run": self._run, "account": account, "cwd": data, "discard": place}
        initdb = [DEBIAN_POSTGRES[-1] / "initdb", "-U", "postgres", "-A", "scram-sha-256", f"--pwfile={secret}"]
        Process("debian-initdb", [*initdb, "-D", data], **how).start().complete(60)
        (data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
        settings = {"listen_addresses": self.host, "port": self.port, "unix_socket_directories": "", "ssl": "on"}
        settings |= {"ssl_cert_file": certificate, "ssl_key_file": certificate, "fsync": "off"}
        words = [f"-c{name}={value}" for name, value in settings.items()]
        command = [DEBIAN_POSTGRES[-1] / "postgres", "-D", data, *words]
        return Process("debian-postgres", command, stop_signal=signal.SIGINT, **how)

    def uri(self, user="postgres", password=None):
        return f"postgresql://{user}:{(password or self.password).replace(' ', '%20')}@127.0.0.1:{self.port}/postgres"

    def _answers(self):
        try:
            with closing(psycopg2.connect(self.uri(), connect_timeout=3)):
                return True
        except psycopg2.OperationalError:
            return False
