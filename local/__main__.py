"""The commands behind `make up`, `make down` and `make demo`."""

import argparse
import signal
import sys
from collections.abc import Sequence
from types import FrameType

import psycopg2
import redis
from confluent_kafka import KafkaException
from rich.console import Console

from local.demo.demo import demo
from local.demo.runs import RunFailed
from local.demo.shop import Occupied
from local.supervisor.process import ProcessFailed
from local.up import AlreadyUp, down, up

COMMANDS = {
    "up": (up, "start everything and keep it until Ctrl-C or `down`"),
    "down": (down, "end what `up` started, and clean up after a crash"),
    "demo": (demo, "one night from start to end; exit code 0 if it did what the data says"),
}
TOLD_TO_END = 130
PLAIN_WIDTH = 120
EXPECTED: tuple[type[Exception], ...] = (
    AlreadyUp,
    KafkaException,
    Occupied,
    OSError,
    ProcessFailed,
    RunFailed,
    ValueError,
    psycopg2.Error,
    redis.RedisError,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (_, meaning) in COMMANDS.items():
        commands.add_parser(name, help=meaning, description=meaning)
    command = parser.parse_args(arguments).command
    console = Console()
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)
    try:
        return COMMANDS[command][0](console)
    except KeyboardInterrupt:
        console.print("everything was taken down")
        return 0 if command == "up" else TOLD_TO_END
    except EXPECTED as error:
        console.print(f"{command} failed: {error}", style="red", markup=False, highlight=False)
        return 1


def _end(_number: int, _frame: FrameType | None) -> None:
    """Begin to take everything down; a second signal must not stop that half way."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
