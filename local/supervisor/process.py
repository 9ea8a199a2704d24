"""One program of the stack: started, awaited until it is ready, stopped, and never left behind."""

import collections
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from local.supervisor.account import Account
from local.supervisor.run_folder import RUN_VARIABLE, RunFolder

SUPERVISOR = Path(__file__).with_name("supervisor.py")
LOG_LINES_SHOWN = 15


class ProcessFailed(RuntimeError):
    """A program did not start, ended too early or took too long; the message shows its last words."""


@dataclass(eq=False)
class Process:
    """A program under a supervisor (see `local.supervisor.supervisor`), with its output in the run's log folder.

    Attributes:
        name: names the log file and the messages.
        command: the program and its arguments.
        run: the run it belongs to.
        env: its whole environment; by default that of this process.
        account: whom to run it as, if not this process's own account.
        stop_signal: what asks the program to end in good order.
        cwd: where it works, by default the run's folder; a place inside one of the run's folders.
        discard: a folder outside the run's folder, to remove if this process is killed.
    """

    name: str
    command: Sequence[str | Path]
    run: RunFolder
    env: Mapping[str, str] | None = None
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    cwd: Path | None = None
    discard: Path | None = None
    _supervisor: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def log(self) -> Path:
        """The file that has everything the program printed."""
        return self.run.logs / f"{self.name}.log"

    @property
    def _record(self) -> Path:
        return self.run.processes / f"{self.name}.pid"

    def start(self) -> Self:
        """Start the program; `wait_until` tells when it is of use."""
        account = f"{self.account.uid}:{self.account.gid}" if self.account else "-"
        keeping = [self._record, account, int(self.stop_signal), self.discard or "-", "--"]
        command = [sys.executable, "-I", SUPERVISOR, *keeping, *self.command]
        with self.log.open("ab") as log:
            self._supervisor = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**(os.environ if self.env is None else self.env), RUN_VARIABLE: str(self.run.path)},
                cwd=self.cwd or self.run.path,
                start_new_session=True,  # Ctrl-C is for us: we end the programs in order
            )
        return self

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._supervisor is not None and self._supervisor.poll() is None

    @property
    def pid(self) -> int:
        """The program's own process number."""
        self.wait_until(self._record.exists, "be started", 10)
        return int(self._record.read_text().split()[1])

    def wait_until(self, ready: Callable[[], bool], what: str, seconds: float) -> None:
        """Wait until `ready()` holds; raise if the program ends, or the time is up, before that."""
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.running:
                raise ProcessFailed(f"{self.name} ended before it could {what}{self.last_words()}")
            if time.monotonic() > deadline:
                raise ProcessFailed(f"{self.name} was given {seconds:g} s to {what}{self.last_words()}")
            time.sleep(0.02)

    def complete(self, seconds: float) -> None:
        """Wait for a program that ends by itself, and insist that it succeeds."""
        supervisor = self._started()
        try:
            code = supervisor.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ProcessFailed(f"{self.name} did not finish within {seconds:g} s{self.last_words()}") from None
        finally:
            self._let_go()
        if code != 0:
            raise ProcessFailed(f"{self.name} failed with exit code {code}{self.last_words()}")

    def stop(self, seconds: float = 10) -> None:
        """Ask the program to end in good order, and end it with all it started when the time is up."""
        if self.running:
            supervisor = self._started()
            supervisor.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                supervisor.wait(seconds)
        self.kill()

    def kill(self) -> None:
        """End the program and all it started at once, as a crash would."""
        if self.running:
            supervisor = self._started()
            supervisor.send_signal(signal.SIGQUIT)
            supervisor.wait()
        self._let_go()

    def pause(self) -> None:
        """Freeze the program: its sockets stay open and nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused program go on."""
        os.kill(self.pid, signal.SIGCONT)

    def last_words(self) -> str:
        """Return the end of the log, to be appended to a message."""
        with self.log.open(errors="replace") as log:
            lines = collections.deque(log, LOG_LINES_SHOWN)
        return f"; the end of {self.log}:\n{''.join(lines)}" if lines else f"; {self.log} is empty"

    def _started(self) -> subprocess.Popen[bytes]:
        if self._supervisor is None:
            raise ProcessFailed(f"{self.name} is not running: start it first")
        return self._supervisor

    def _let_go(self) -> None:
        if self._supervisor is not None and self._supervisor.stdin is not None:
            self._supervisor.stdin.close()
            self._record.unlink(missing_ok=True)
            self._supervisor = None
