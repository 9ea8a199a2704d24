"""The folder of one run of the stack, and the clean-up of runs whose owner died.

Everything a run writes lies here, or in a place that is noted here. A run ends by removing its folder; a folder
whose owner is gone is the trace of a crash, and the next run of any kind ends and removes what is left of it.
"""

import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import Self

import psutil

from local import PROJECT

HOME = PROJECT / "build" / "local"
LAST_WORDS_SECONDS = 10
RUN_VARIABLE = "LOCAL_STACK_RUN"
"""Environment variable of every program of a run, with the run's folder."""


class RunFolder:
    """The folder of one run: a context manager that removes it, and all that is noted in it, at the end.

    Args:
        kind: what runs, such as "up", "demo" or "tests"; it names the folder and the logs, which stay.
        home: the folder that holds the folders of all runs.
    """

    def __init__(self, kind: str, home: Path = HOME) -> None:
        self.path = home / f"run-{kind}-{secrets.token_hex(4)}"
        self.logs = home / "logs" / kind
        self.processes = self.path / "processes"

    def __enter__(self) -> Self:
        clean_up(self.path.parent)
        newborn = self.path.with_name(f"new-{self.path.name}")
        newborn.mkdir(parents=True, mode=0o711)  # others may pass through to a folder of their own, and see nothing
        (newborn / "processes").mkdir(mode=0o700)
        self._owner = (newborn / "owner").open("w")
        self._owner.write(f"{os.getpid()}\n")
        self._owner.flush()
        fcntl.flock(self._owner, fcntl.LOCK_EX)
        newborn.rename(self.path)
        shutil.rmtree(self.logs, ignore_errors=True)
        self.logs.mkdir(parents=True)
        return self

    def __exit__(self, *_: object) -> None:
        _end_processes(self.path)
        _remove(self.path)
        self._owner.close()

    def elsewhere(self) -> Path:
        """Make a folder outside the project, for an account that cannot enter it; removed with the run."""
        path = Path(tempfile.mkdtemp(prefix="stock-sync-"))
        with (self.path / "elsewhere").open("a") as notes:
            notes.write(f"{path}\n")
        path.chmod(0o711)
        return path


def holder(file: Path) -> int | None:
    """Return the process that holds a file locked, None if nobody does or the file is gone.

    The kernel lets go of a lock however its holder ends; a process number alone is used again.
    """
    try:
        with file.open() as held:
            pid = int(held.read().split()[0])
            fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        return pid
    return None


def owner_of(folder: Path) -> int | None:
    """Return the process a run belongs to, None if it is dead or the run has just been removed."""
    return holder(folder / "owner")


def clean_up(home: Path = HOME) -> list[Path]:
    """End and remove what runs left behind whose owner is dead; return their folders."""
    dead = [folder for folder in home.glob("run-*") if owner_of(folder) is None and folder.exists()]
    for folder in dead:
        _end_processes(folder)
        _remove(folder)
    for rest in home.glob("gone-*"):
        shutil.rmtree(rest, ignore_errors=True)  # its remover was killed, or is at it right now
    return dead


def _end_processes(folder: Path) -> None:
    records = list((folder / "processes").glob("*.pid"))
    sessions = {int(record.read_text().split()[0]) for record in records if record.stat().st_mtime > psutil.boot_time()}
    for record in records:
        if supervisor := holder(record):  # it has noticed by itself that its owner died; this only hurries it
            os.kill(supervisor, signal.SIGQUIT)
    deadline = time.monotonic() + LAST_WORDS_SECONDS
    while any(map(holder, records)) and time.monotonic() < deadline:
        time.sleep(0.02)
    if sessions:
        _end_orphans(sessions, folder)


def _end_orphans(sessions: set[int], folder: Path) -> None:
    """Kill what a supervisor that was killed itself could not end.

    Ours is what works in the run's folders and either belongs to a supervisor's session or has the run's name in its
    environment. Each of the two alone can be lost: a program may start a session, or write its title over its
    environment. A person's shell in that folder has neither.
    """
    places = [folder, *_noted(folder)]
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):  # it ended while we looked, or is none of ours
            if any(Path(process.cwd()).is_relative_to(place) for place in places) and (
                os.getsid(process.pid) in sessions or process.environ().get(RUN_VARIABLE) == str(folder)
            ):
                process.kill()


def _noted(folder: Path) -> list[Path]:
    notes = folder / "elsewhere"
    return [Path(line) for line in notes.read_text().splitlines()] if notes.exists() else []


def _remove(folder: Path) -> None:
    for place in _noted(folder):
        shutil.rmtree(place, ignore_errors=True)  # its supervisor may have removed it, or be at it right now
    with contextlib.suppress(FileNotFoundError):  # another run is cleaning up the same crash
        shutil.rmtree(folder.rename(folder.with_name(f"gone-{folder.name}")))
