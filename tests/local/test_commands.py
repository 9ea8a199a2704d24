"""`make up`, `make down` and `make demo` as a person uses them, in a copy of the project."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

PROJECT = Path(__file__).resolve().parents[2]
PARTS = ("dags", "include", "local", "plugins", "schemas")
NOBODY = 65534
START_SECONDS = 180


class Checkout:
    """A copy of the project that belongs to one user, with folders of its own for home and temporary files."""

    def __init__(self, folder, user):
        self.folder = folder
        self.user = user
        self.project, self.home, self.scratch = folder / "project", folder / "home", folder / "scratch"
        for part in PARTS:
            shutil.copytree(PROJECT / part, self.project / part, ignore=shutil.ignore_patterns("__pycache__"))
        for each in (self.home, self.scratch):
            each.mkdir()
        self.scratch.chmod(0o755)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, user, user)
        self.before = self.contents()

    def run(self, command, **connections):
        """Start one of the commands; its output goes to a file of the same name."""
        inherited = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "LANG") if name in os.environ}
        places = {"HOME": str(self.home), "TMPDIR": str(self.scratch), "PYTHONPATH": "include:."}
        with self.output(command).open("w") as output:
            return subprocess.Popen(
                [*self._as_user(), sys.executable, "-m", "local", command],
                cwd=self.project,
                env=inherited | places | {"PYTHONDONTWRITEBYTECODE": "1"} | connections,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def output(self, command):
        """The file with what a command printed."""
        return self.folder / f"{command}.txt"

    def log(self, command, program):
        """What a program of the stack printed so far."""
        log = self.project / "build" / "local" / "logs" / command / f"{program}.log"
        return log.read_text() if log.exists() else ""

    def contents(self):
        """Everything outside build/."""
        places = (self.project, self.home, self.scratch)
        found = {path for place in places for path in place.rglob("*")}
        return {path for path in found if not path.is_relative_to(self.project / "build")}

    def processes(self):
        """Every process that works in this copy or was started from it."""
        found = []
        for pid in psutil.pids():
            try:
                place = Path(f"/proc/{pid}/cwd").readlink()
                words = Path(f"/proc/{pid}/cmdline").read_bytes()
            except OSError:
                continue
            if place.is_relative_to(self.folder) or str(self.folder).encode() in words:
                found.append(f"{pid} {words.decode()}")
        return found

    def runs(self):
        """The folders of runs that were not removed."""
        return [path for path in (self.project / "build" / "local").iterdir() if path.name.startswith(("run", "gone"))]

    def _as_user(self):
        if self.user == os.geteuid():
            return []
        to_user = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"]
        probe = [*to_user, sys.executable, "-c", "import sys; print(sys.base_prefix)"]
        if subprocess.run(probe, check=False, capture_output=True, text=True).stdout.strip() == sys.base_prefix:
            return to_user
        # This interpreter lies where only root can read: an ordinary user but for that.
        return [*to_user, "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]


@pytest.fixture(params=["root", "ordinary"] if os.geteuid() == 0 else ["ordinary"])
def checkout(request):
    folder = Path(tempfile.mkdtemp(prefix="checkout-"))
    folder.chmod(0o755)
    copy = Checkout(folder, NOBODY if (os.geteuid(), request.param) == (0, "ordinary") else os.geteuid())
    users = Path("/etc/passwd").read_bytes()
    yield copy
    assert Path("/etc/passwd").read_bytes() == users
    shutil.rmtree(folder)


root_only = pytest.mark.parametrize("checkout", ["root" if os.geteuid() == 0 else "ordinary"], indirect=True)
ordinary_only = pytest.mark.parametrize("checkout", ["ordinary"], indirect=True)


def wait_for(holds, process, output, seconds=START_SECONDS):
    deadline = time.monotonic() + seconds
    while not holds():
        assert process.poll() is None, output.read_text()
        assert time.monotonic() < deadline, output.read_text()
        time.sleep(0.05)


def eventually(holds, seconds=15):
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.05)
    return holds()


def log_in(url, user, password):
    body = json.dumps({"username": user, "password": password}).encode()
    request = urllib.request.Request(  # noqa: S310 - the URL is our own
        f"{url}/auth/token", body, {"Content-Type": "application/json"}
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
        return answer.status


@ordinary_only
def test_up_shows_the_way_in_and_down_leaves_nothing(checkout, redis_server, cache):
    cache.set("somebody's", "key")
    connection = f"redis://:{redis_server.password}@{redis_server.host}:{redis_server.port}?db=0"
    up = checkout.run("up", AIRFLOW_CONN_STOCK_REDIS=connection)
    output = checkout.output("up")
    wait_for(lambda: "make down" in output.read_text(), up, output)
    url, user, password = (
        re.search(rf"{word}\s+(\S+)", output.read_text()).group(1) for word in ("Airflow  ", "user", "password")
    )
    assert all(dag.stem in output.read_text() for dag in (PROJECT / "dags").glob("*.py")), "it forgets a DAG"
    assert log_in(url, user, password) == 201
    with pytest.raises(urllib.error.HTTPError, match="401"):
        log_in(url, user, "a guess")
    assert "AIRFLOW_CONN_STOCK_REDIS: set in the environment, used as it is" in output.read_text()
    assert not any("redis-server" in process for process in checkout.processes())

    second = checkout.run("up")
    assert second.wait(60) == 1
    assert f"it is up already on {url}: `make down` ends it" in " ".join(output.read_text().split())

    down = checkout.run("down")
    assert down.wait(60) == 0
    assert up.wait(60) == 0
    assert checkout.output("down").read_text() == "the stack is down\n"
    assert (checkout.processes(), checkout.runs(), checkout.contents()) == ([], [], checkout.before)
    assert cache.keys() == [b"somebody's"]


@root_only
def test_a_killed_up_takes_everything_with_it_and_down_removes_the_rest(checkout):
    up = checkout.run("up")
    scheduler_works = lambda: "Worker starting up" in checkout.log("up", "airflow-scheduler")  # noqa: E731
    wait_for(scheduler_works, up, checkout.output("up"))
    up.kill()
    up.wait()
    assert eventually(lambda: checkout.processes() == []), checkout.processes()
    assert len(checkout.runs()) == 1
    assert checkout.run("down").wait(60) == 0
    assert "cleaned up after a crash" in checkout.output("down").read_text()
    assert (checkout.runs(), checkout.contents()) == ([], checkout.before)


@pytest.mark.parametrize(("command", "number", "code"), [("demo", signal.SIGINT, 130), ("up", signal.SIGTERM, 0)])
@root_only
def test_a_start_that_is_interrupted_leaves_nothing(checkout, command, number, code):
    started = checkout.run(command)
    migrating = checkout.project / "build" / "local" / "logs" / command / "airflow-migrate.log"
    wait_for(migrating.exists, started, checkout.output(command))
    started.send_signal(number)
    assert started.wait(60) == code
    assert "everything was taken down" in checkout.output(command).read_text()
    assert (checkout.processes(), checkout.runs(), checkout.contents()) == ([], [], checkout.before)


@root_only
def test_the_demo_leaves_somebody_s_own_table_alone(checkout, postgres, database):
    with postgres.connect(database.rpartition("/")[2]) as session, session.cursor() as cursor:
        cursor.execute("CREATE TABLE products AS SELECT 'mine' AS id, 7 AS stock")
    demo = checkout.run("demo", AIRFLOW_CONN_PRODUCT_DB=database)
    assert demo.wait(60) == 1
    assert "table products exists already in AIRFLOW_CONN_PRODUCT_DB" in checkout.output("demo").read_text()
    with postgres.connect(database.rpartition("/")[2]) as session, session.cursor() as cursor:
        cursor.execute("SELECT * FROM products")
        assert cursor.fetchall() == [("mine", 7)]
    assert checkout.processes() == []


@root_only
def test_down_with_nothing_up_says_so(checkout):
    assert checkout.run("down").wait(60) == 0
    assert checkout.output("down").read_text() == "nothing is up\n"
