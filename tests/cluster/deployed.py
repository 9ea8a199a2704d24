"""The servers of docker-compose.yaml, started here from the same files."""

import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg2
import redis
import yaml

from local.account import unprivileged
from local.ports import free_port
from local.process import Process
from local.redis import program as embedded_redis
from tests.paths import ROOT

DEPLOY = ROOT / "deploy"
DEBIAN_POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


def compose():
    return yaml.safe_load((ROOT / "docker-compose.yaml").read_text())


def fresh_env(folder):
    """What `make env` writes, as compose reads it."""
    path = folder / ".env"
    subprocess.run([sys.executable, "-I", DEPLOY / "env.py", path], check=True, capture_output=True)
    pairs = re.findall(r"^([A-Z_]+)=(.*)$", path.read_text(), re.MULTILINE)
    path.unlink()
    return dict(pairs)


def environment_of(service, env):
    """A service's environment, its ${variables} filled in."""
    return {name: filled_in(str(value), env) for name, value in compose()["services"][service]["environment"].items()}


def filled_in(text, env):
    def value(match):
        name, kind, otherwise = match.groups()
        if env.get(name):
            return env[name]
        assert kind == ":-", f"{name} is required and not in .env"
        return otherwise

    return re.sub(r"\$\{(\w+)(:[-?])([^}]*)\}", value, text)


def debian_redis():
    """Redis with TLS, as Debian's package redis-tools carries it under another name; None: not installed."""
    found = shutil.which("redis-server") or shutil.which("redis-check-rdb")
    return Path(found) if found else None


class Redis:
    """A context manager: Redis with the users and the configuration of a service."""

    def __init__(self, run, name, words=(), program=None, port_word="--port"):
        self.name, self.port = name, free_port()
        self.env = fresh_env(run.path)
        folder = run.path / f"redis-{name}-{self.port}"
        folder.mkdir(mode=0o700)
        (folder / "redis-server").symlink_to(program or embedded_redis())
        service = compose()["services"][f"{name}-redis" if name == "celery" else "stock-redis"]
        start, (users, configuration, *_) = service["entrypoint"][0], service["command"]
        environment = environment_of(f"{name}-redis" if name == "celery" else "stock-redis", self.env)
        environment |= {"REDIS_RUN": str(folder), "PATH": f"{folder}:{os.environ['PATH']}"}
        here = [f"{ROOT}{path}" for path in (start, users, configuration)]
        command = [*here, "--dir", str(folder), "--bind", "127.0.0.1", port_word, str(self.port), *words]
        self.process = Process(f"redis-{name}", command, run=run, env=environment)

    def __enter__(self):
        self.process.start().wait_until(self._answers, "answer PING", 30)
        return self

    def __exit__(self, *_):
        self.process.stop()

    def client(self, user, password=None, **how):
        return redis.Redis("127.0.0.1", self.port, username=user, password=password, socket_connect_timeout=3, **how)

    def _answers(self):
        try:
            return self.client("health", "any").ping()
        except redis.ResponseError:
            return True  # it has users and says so
        except redis.ConnectionError:
            return bool(self.process.running and "--tls-port" in self.process.command and _listens(self.port))


class DebianPostgres:
    """A context manager: PostgreSQL with TLS, which the embedded one has not."""

    def __init__(self, run, certificate, key):
        self.port, self.password = free_port(), "a password"
        self._run, self._account = run, unprivileged()
        self._place = run.elsewhere()
        self._place.chmod(0o755)
        self.data = self._place / "data"
        self.data.mkdir(mode=0o700)
        secret = self._place / "password"
        secret.write_text(self.password)
        self._files = [self._place / "server.pem", self._place / "server.key"]
        for source, copy in zip((certificate, key), self._files, strict=True):
            shutil.copy(source, copy)
            copy.chmod(0o600)
        for path in (secret, self.data, *self._files):
            if self._account:
                os.chown(path, self._account.uid, self._account.gid)
        self._programs = DEBIAN_POSTGRES[-1]
        self._initdb = [self._programs / "initdb", "-U", "postgres", "-A", "scram-sha-256", f"--pwfile={secret}"]

    def __enter__(self):
        how = {"run": self._run, "account": self._account, "cwd": self.data, "discard": self._place}
        Process("debian-initdb", [*self._initdb, "-D", self.data], **how).start().complete(60)
        (self.data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
        settings = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": "", "ssl": "on"}
        settings |= {"ssl_cert_file": self._files[0], "ssl_key_file": self._files[1], "fsync": "off"}
        words = [f"-c{name}={value}" for name, value in settings.items()]
        command = [self._programs / "postgres", "-D", self.data, *words]
        self.process = Process("debian-postgres", command, stop_signal=signal.SIGINT, **how)
        self.process.start().wait_until(self._answers, "answer", 60)
        return self

    def __exit__(self, *_):
        self.process.stop()

    def uri(self, user="postgres", password=None):
        return f"postgresql://{user}:{(password or self.password).replace(' ', '%20')}@127.0.0.1:{self.port}/postgres"

    def _answers(self):
        try:
            with closing(psycopg2.connect(self.uri(), connect_timeout=3)):
                return True
        except psycopg2.OperationalError:
            return False


def _listens(port):
    import socket  # noqa: PLC0415 - used here only

    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
