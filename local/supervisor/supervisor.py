"""Keep one program and all it starts, so that nothing outlives the process that asked for it.

Run as a script between that process (the owner) and the program:

    python -I supervisor.py RECORD UID:GID STOP_SIGNAL DISCARD -- PROGRAM ARGUMENT...

The owner holds the other end of standard input. The kernel closes that end however the owner dies, SIGKILL
included, and then the whole tree is ended here. Airflow's workers fork, rename themselves and lose their
parents, so neither a process group nor a name finds them all: the supervisor asks to inherit orphans (a child
subreaper), and whatever descends from it is part of the tree.

RECORD is a file that gets "supervisor-pid program-pid", for the clean-up after a machine-wide kill; it is locked for
as long as the supervisor lives.
UID:GID is the account to run as, or "-". DISCARD is a folder to remove if the owner died, or "-".
SIGTERM asks the program to stop with STOP_SIGNAL, SIGQUIT ends the tree at once.
"""

import contextlib
import ctypes
import fcntl
import os
import select
import shutil
import signal
import sys
import time
from pathlib import Path

import psutil

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def prctl(option: int, value: int) -> None:
    """Set one attribute of this process that Python has no name for."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}, {value}) was refused")


def reap(program: int) -> int | None:
    """Collect whatever has ended; return the program's exit code if it is among them."""
    code = None
    with contextlib.suppress(ChildProcessError):  # nobody left to wait for
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            if pid == program:
                code = os.waitstatus_to_exitcode(status)
    return code


def end_tree() -> None:
    """Kill every descendant, and those born meanwhile, until none is left."""
    while living := psutil.Process().children(recursive=True):
        for process in living:
            with contextlib.suppress(psutil.NoSuchProcess):  # it ended by itself
                process.kill()
        reap(0)
        time.sleep(0.005)
    reap(0)


def become(account: str) -> None:
    """Give up the owner's account for another one."""
    uid, _, gid = account.partition(":")
    os.setgroups([])
    os.setgid(int(gid))
    os.setuid(int(uid))


def launch(command: list[str], account: str) -> int:
    """Start the program so that it ends even if the supervisor itself is killed; return its pid."""
    supervisor = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)  # Python ignores the last two, and a program inherits that
        if account != "-":
            become(account)
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # after the change of account, which clears it
        if os.getppid() != supervisor:
            os._exit(1)
        os.execvp(command[0], command)  # noqa: S606 - no shell is what is wanted
    except OSError as error:
        print(f"cannot start {command[0]}: {error}", file=sys.stderr, flush=True)
    os._exit(127)


def keep(program: int, news: int, stop_signal: int, discard: str) -> int:
    """Wait until the program ends, the owner does, or a signal comes; return the exit code."""
    while True:
        ready, _, _ = select.select([0, news], [], [])
        if 0 in ready and not os.read(0, 1):
            end_tree()
            if discard != "-":
                shutil.rmtree(discard, ignore_errors=True)
            return 1
        for received in os.read(news, 64) if news in ready else b"":
            if received == signal.SIGTERM:
                with contextlib.suppress(ProcessLookupError):  # it has just ended
                    os.kill(program, stop_signal)
            elif received == signal.SIGQUIT:
                return 1
        code = reap(program)
        if code is not None:
            return code if code >= 0 else 128 - code


def main(arguments: list[str]) -> int:
    """Start the program and keep it; return its exit code."""
    (record, account, stop_signal, discard), command = arguments[:4], arguments[5:]
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    news, wake = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(news, False)
    signal.set_wakeup_fd(wake)
    for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    with Path(f"{record}.new").open("w") as held:  # nothing is started for a run that is already gone
        fcntl.flock(held, fcntl.LOCK_EX)
        program = launch(command, account)
        try:
            held.write(f"{os.getpid()} {program}\n")
            held.flush()
            Path(held.name).rename(record)
            return keep(program, news, int(stop_signal), discard)
        finally:
            end_tree()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
