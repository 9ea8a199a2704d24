"""`make up` and `make down`: the whole stack for a person to look around in, and its end."""

import fcntl
import os
import shlex
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from local.connections import STOCK_PAGERDUTY, STOCK_SLACK
from local.console import Steps
from local.demo.catalogue import DemoCatalogue
from local.demo.shop import DemoShop
from local.servers.airflow import Airflow
from local.stack import Stack
from local.standins.stand_in import StandIn
from local.supervisor.process import ProcessFailed
from local.supervisor.run_folder import HOME, RunFolder, clean_up, owner_of

DOWN_SECONDS = 60


class AlreadyUp(RuntimeError):
    """There is a stack up already."""


def up(console: Console) -> NoReturn:
    """Start everything, say where it is, and keep it until this process is told to end (KeyboardInterrupt)."""
    with _only_one(), RunFolder("up") as run, Steps(console) as steps, Stack(run, steps) as stack:
        if stack.embeds_shop:
            with steps.step("catalogue") as step:
                catalogue = DemoCatalogue.from_seed()
                DemoShop.of(stack).load(catalogue)
                step.note(f"{len(catalogue.products):,} products")
        airflow = stack.start_airflow()
        steps.close()
        _welcome(console, run, stack, airflow)
        while True:  # until a signal ends it
            _insist_on_life(stack, airflow)
            time.sleep(0.5)


def down(console: Console) -> int:
    """End what `up` started, and remove what crashed runs left behind."""
    folders = list(HOME.glob("run-up-*"))
    for folder in folders:
        if owner := owner_of(folder):
            os.kill(owner, signal.SIGTERM)
            deadline = time.monotonic() + DOWN_SECONDS
            while owner_of(folder):
                if time.monotonic() > deadline:
                    raise ProcessFailed(f"process {owner} ({folder}) did not end within {DOWN_SECONDS} s")
                time.sleep(0.1)
            console.print("the stack is down")
    for folder in clean_up():
        console.print(f"cleaned up after a crash: {folder.name}", highlight=False)
    if not folders:
        console.print("nothing is up")
    return 0


@contextmanager
def _only_one() -> Iterator[None]:
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            urls = [url.read_text() for url in HOME.glob("run-up-*/url")]
            raise AlreadyUp(f"it is up already{''.join(f' on {url}' for url in urls)}: `make down` ends it") from None
        yield


def _welcome(console: Console, run: RunFolder, stack: Stack, airflow: Airflow) -> None:
    (run.path / "url").write_text(airflow.url)
    variables = run.path / "environment"
    variables.touch(mode=0o600)
    variables.write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in airflow.settings.items()))
    text = f"""\
Airflow    {airflow.url}
user       {airflow.user}
password   {airflow.password}

Slack      {_received(STOCK_SLACK, stack.slack)}
PagerDuty  {_received(STOCK_PAGERDUTY, stack.pagerduty)}

Switch stock_sync_alerts and stock_sync_daily_report on, then stock_sync: the latest night's run starts at once, and
people are told of it. What needs a person is under 재고 / Stock; a decision there is a run of
stock_sync_review, to be on too.
The UI shows UTC until another time zone is chosen at the clock in its corner.
For plain airflow commands on this stack: set -a; . {os.path.relpath(variables)}
Ctrl-C here, or `make down` anywhere, ends it."""
    console.print(Panel(Text(text), title="up", expand=False))


def _received(connection: str, stand_in: StandIn | None) -> str:
    """Say where what a channel received can be read."""
    if stand_in is None or stand_in.journal is None:
        return f"your own, from {connection}"
    return f"{stand_in.url} shows what arrives, and {os.path.relpath(stand_in.journal)} keeps it"


def _insist_on_life(stack: Stack, airflow: Airflow) -> None:
    for process in (*(service.process for service in stack.services), *airflow.components.values()):
        if not process.running:
            raise ProcessFailed(f"{process.name} has ended{process.last_words()}")
