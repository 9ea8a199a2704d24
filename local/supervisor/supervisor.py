"""Keep one program and all it starts, so that nothing outlives the process that asked for it.

Run as a script between that process (the owner) and the program:

    python -I -S supervisor.py RECORD UID:GID STOP_SIGNAL DISCARD -- PROGRAM ARGUMENT...

The owner holds the other end of standard input. The kernel closes that end however the owner dies, SIGKILL
included, and then the whole tree is ended here. Airflow's workers fork, rename themselves and lose their
parents, so neither a process group nor a name finds them all: the supervisor asks to inherit orphans (a child
subreaper), and whatever descends from it is part of the tree.

RECORD is a file that gets "supervisor-pid start-time program-pid", for the clean-up after a machine-wide kill.
UID:GID is the account to run as, or "-". DISCARD is a folder to remove if the owner died, or "-".
SIGTERM asks the program to stop with STOP_SIGNAL, SIGQUIT ends the tree at once.
"""

import contextlib
import ctypes
import os
import select
import signal
import sys
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def prctl(option: int, value: int) -> None:
    """Set one attribute of this process that Python has no name for."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}, {value}) was refused")


def stat_fields(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the program's name, which may hold spaces and brackets."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def descendants() -> list[int]:
    """Return the living processes below this one, children before grandchildren."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - names are all that is wanted of ten thousand entries
        if name.isdigit():
            with contextlib.suppress(OSError):  # it ended while we looked
                state, parent, *_ = stat_fields(int(name))
                if state != "Z":
                    children.setdefault(int(parent), []).append(int(name))
    found = children.get(os.getpid(), [])
    for pid in found:
        found.extend(children.get(pid, []))
    return found


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
    while living := descendants():
        for pid in living:
            with contextlib.suppress(ProcessLookupError):  # it ended by itself
                os.kill(pid, signal.SIGKILL)
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


def main(arguments: list[str]) -> int:
    """Keep the program until it ends or the owner does; return the program's exit code."""
    (record, account, stop_signal, discard), command = arguments[:4], arguments[5:]
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    news, wake = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(news, False)
    signal.set_wakeup_fd(wake)
    for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    program = launch(command, account)
    partial = Path(f"{record}.new")
    partial.write_text(f"{os.getpid()} {stat_fields(os.getpid())[19]} {program}\n")
    partial.rename(record)

    while True:
        ready, _, _ = select.select([0, news], [], [])
        if 0 in ready and not os.read(0, 1):
            end_tree()
            if discard != "-":
                import shutil  # noqa: PLC0415 - rarely needed, and a supervisor has to be quick to start

                shutil.rmtree(discard, ignore_errors=True)
            return 1
        for received in os.read(news, 64) if news in ready else b"":
            if received == signal.SIGTERM:
                with contextlib.suppress(ProcessLookupError):  # it has just ended
                    os.kill(program, int(stop_signal))
            elif received == signal.SIGQUIT:
                end_tree()
                return 1
        code = reap(program)
        if code is not None:
            end_tree()
            return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
