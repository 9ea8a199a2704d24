"""A program of the stack never outlives whoever started it, however that one ends."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from local.supervisor.process import Process, ProcessFailed
from local.supervisor.run_folder import RUN_VARIABLE, RunFolder, clean_up
from stocksync.settings import Settings

FAMILY = ["sh", "-c", "setsid sleep 1000 & sleep 1000 & sleep 1000"]


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def own(home):
    """Start another process that starts FAMILY; return it and the folder of its run."""
    owners = []

    def start(body="Process('family', FAMILY, run=run).start()"):
        script = f"""
            import signal
            from pathlib import Path
            from local.servers.postgres import Postgres
            from local.supervisor.process import Process
            from local.supervisor.run_folder import RunFolder
            FAMILY = {FAMILY}
            with RunFolder("owned", Path({str(home)!r})) as run:
                {body}
                print(run.path, flush=True)
                signal.pause()
        """
        owner = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
        )
        owners.append(owner)
        return owner, Path(owner.stdout.readline().strip())

    yield start
    for owner in owners:
        owner.kill()
        owner.wait()
        owner.stdout.close()
    clean_up(home)


def programs_of(folder):
    """The processes of a run by what their environment says, which holds when its folder has gone."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):  # it ended while we looked
            if process.environ().get(RUN_VARIABLE) == str(folder):
                found.append(process)
    return found


def await_family(folder):
    """Wait until all of FAMILY are there: the supervisor, the shell and three sleepers."""
    eventually(lambda: len(programs_of(folder)) == 5)


def eventually(holds, seconds=10):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_all_that_a_program_started_ends_with_it(home):
    with RunFolder("tests", home) as run:
        family = Process("family", FAMILY, run=run).start()
        await_family(run.path)
        family.stop()
        assert programs_of(run.path) == []


def test_orphans_of_a_program_end_with_it(home):
    with RunFolder("tests", home) as run:
        Process("parent", ["sh", "-c", "setsid sleep 1000 & exit 0"], run=run).start().complete(10)
        assert programs_of(run.path) == []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_program_ends_when_its_owner_does(own, how):
    owner, folder = own()
    await_family(folder)
    owner.send_signal(how)
    owner.wait()
    eventually(lambda: not programs_of(folder))


def test_the_next_run_removes_what_a_killed_one_left(own, home):
    owner, folder = own()
    owner.kill()
    owner.wait()
    assert folder.exists()
    with RunFolder("tests", home):
        assert not folder.exists()
    eventually(lambda: not programs_of(folder))


def test_a_run_that_goes_on_is_left_alone_by_the_next(own, home):
    _, folder = own()
    await_family(folder)
    with RunFolder("tests", home):
        assert len(programs_of(folder)) == 5


def test_orphans_of_a_killed_supervisor_are_ended_by_the_next_run(own, home):
    owner, folder = own()
    await_family(folder)
    supervisor = int((folder / "processes" / "family.pid").read_text().split()[0])
    os.kill(supervisor, signal.SIGKILL)
    owner.kill()
    owner.wait()
    eventually(lambda: len(programs_of(folder)) == 3)  # the shell went with its supervisor, the sleepers are orphans
    assert clean_up(home) == [folder]
    eventually(lambda: not programs_of(folder))


def test_a_program_that_ends_too_early_is_told_with_its_last_words(run_folder):
    process = Process("hasty", ["sh", "-c", "echo the disk is full; exit 3"], run=run_folder).start()
    with pytest.raises(ProcessFailed, match=r"hasty ended before it could be ready(?s:.)*the disk is full"):
        process.wait_until(lambda: False, "be ready", 10)


def test_no_program_is_warned_of_a_variable_of_ours_that_looks_like_a_setting(run_folder, tmp_path):
    seen = tmp_path / "environment"
    Process(
        "curious", ["sh", "-c", f"env -0 >{seen}"], run=run_folder, env={"PATH": os.environ["PATH"]}
    ).start().complete(10)

    environment = dict(line.split("=", 1) for line in seen.read_text().rstrip("\0").split("\0"))
    assert environment[RUN_VARIABLE] == str(run_folder.path)
    assert Settings.unknown(environment) == []


def test_a_program_that_does_not_exist_is_named(run_folder):
    with pytest.raises(ProcessFailed, match="cannot start no-such-program"):
        Process("absent", ["no-such-program"], run=run_folder).start().complete(10)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to run PostgreSQL as somebody else")
def test_root_runs_postgres_outside_a_folder_that_is_closed_to_others(own, home, open_folder, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(open_folder))
    home.mkdir(mode=0o700)
    owner, folder = own("Postgres(run).start()")
    (place,) = open_folder.iterdir()
    assert {"postgres"} < {process.name() for process in programs_of(folder)}
    owner.kill()
    owner.wait()
    eventually(lambda: not programs_of(folder) and not place.exists())


@pytest.fixture
def open_folder():
    """A folder everybody can enter, unlike tmp_path."""
    folder = Path(tempfile.mkdtemp(prefix="open-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)
