"""Attempts that run in a process of their own and are killed with SIGKILL, or frozen, at a named step.

The processes come from a fork server that has everything imported: a kill costs tens of milliseconds, not seconds.
"""

import atexit
import multiprocessing
import os
import signal
import time
from collections import Counter
from dataclasses import dataclass
from functools import cache
from multiprocessing import forkserver
from pathlib import Path

import pytest
import redis

from stocksync.adapters.redis_wire import Wire
from stocksync.errors import StockSyncError
from stocksync.reconcile.sizes import Sizes
from tests.kit.paths import ROOT
from tests.kit.real_shop import RealShop
from tests.kit.recorded_topic import ListInRedis, RecordedTopic
from tests.kit.whole_cluster import WholeCluster

STEPS = ("settled", "looked again", "committed", "published", "saved", "cleared")
"""The named steps of a group, in their order; "recovered" comes on top in an attempt that finds leftovers."""
ASKED, ANSWERED, HALF_PUBLISHED = "asked", "answered", "half published"
"""Steps between those: before a command is sent to Redis, after its answer, and with half of the events out."""
TO_BE_NOTED, NOTED = "to be noted", "noted"
"""Steps of a decision: before and after what became of some products is on record."""

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.kit.real_shop", "tests.kit.chaos.attempts"])


@cache
def warm_up():
    """Start the fork server, which imports all of this; Python 3.11's does not take sys.path over."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "include"), str(ROOT)]))
        forkserver.ensure_running()


_asleep = set()


@atexit.register
def _kill_the_asleep():
    """A test that failed leaves its frozen processes behind, and nothing but SIGKILL reaches those."""
    for process in _asleep:
        process.kill()


@dataclass(frozen=True)
class Kill:
    """Die when a step is reached for the nth time (from 1); `freeze`: stop there, and go on when it is too late."""

    step: str
    nth: int
    freeze: bool = False


SMALL = Sizes(batch=10, group=14, together=1)
"""How finely the work is cut: small, so that sixty products have as many edges as sixty thousand."""


class AttemptProcess:
    """A process at work on one range, or on the end of the run."""

    def __init__(self, shop, where, job, kill=None, sizes=SMALL):
        warm_up()
        self._receiver, sender = PROCESSES.Pipe(duplex=False)
        fields = {name: getattr(shop, name) for name in shop.__dataclass_fields__ if name != "cache"}
        self._kill = kill
        self._process = PROCESSES.Process(target=_work, args=(sender, fields, where, job, kill, sizes))
        self._process.start()
        sender.close()

    def result(self):
        """Wait for it; what it returned, None if it was killed, froze or was refused."""
        said = self._said()
        if said == ("frozen",):
            while "\nState:\tT" not in Path(f"/proc/{self._process.pid}/status").read_text():
                time.sleep(0.001)
            _asleep.add(self._process)
            return None
        self._process.join(60)
        if said is None:
            died = self._process.exitcode
            assert self._kill is not None, f"the attempt ended with {died}"
            assert died == -signal.SIGKILL, f"the attempt ended with {died}"
            return None
        return said[1] if said[0] == "returned" else None

    @property
    def frozen(self):
        return self._process.is_alive()

    def thaw(self):
        """Let a frozen one go on; return what becomes of it."""
        os.kill(self._process.pid, signal.SIGCONT)
        said = self._said()
        self._process.join(60)
        _asleep.discard(self._process)
        return said

    def _said(self):
        try:
            assert self._receiver.poll(60), "the attempt hangs"
            return self._receiver.recv()
        except EOFError:
            return None


def attempt(shop, where, plan, id_range, kill=None, sizes=SMALL):
    """Run one attempt at a range; return its outcome, or None if it was killed."""
    return AttemptProcess(shop, where, ("reconcile", plan, id_range), kill, sizes).result()


def attempt_decision(shop, redis_uri, decision, kill=None, sizes=SMALL):
    """Carry a decision out in one attempt; return what became of its products, or None if it was killed."""
    return AttemptProcess(shop, redis_uri, ("decide", decision), kill, sizes).result()


class _Reporting:
    """What a client is mixed with to pass a named step before and after each command."""

    reached = staticmethod(lambda _step: None)

    def execute_command(self, *args, **options):
        self.reached(ASKED)
        answer = super().execute_command(*args, **options)
        self.reached(ANSWERED)
        return answer


class _ReportingRedis(_Reporting, redis.Redis):
    """One of a server."""


class _ReportingWire(Wire):
    """Passes them before and after many commands at once."""

    reached = staticmethod(lambda _step: None)

    def send(self, commands):
        self.reached(ASKED)
        super().send(commands)

    def answers(self, number):
        answers = super().answers(number)
        self.reached(ANSWERED)
        return answers


class _ReportingCluster(_Reporting, WholeCluster):
    """One of a cluster."""

    def wire(self, node):
        wire = _ReportingWire(node)
        wire.reached = self.reached
        return wire


class ReportedAudit:
    """The record of decisions, which passes a named step before and after each note."""

    def __init__(self, audit, reached):
        self._audit, self._reached = audit, reached

    def note(self, *about):
        self._reached(TO_BE_NOTED)
        self._audit.note(*about)
        self._reached(NOTED)

    def __getattr__(self, name):
        return getattr(self._audit, name)


class ChaosShop(RealShop):
    """Without Kafka servers its topic is recorded in Redis."""

    reached = staticmethod(lambda _step: None)

    def parts(self, **instead):
        parts = super().parts(**instead)
        audit = parts.decision_log()
        if audit is not None:
            parts.decision_log = lambda: ReportedAudit(audit, self.reached)
        return parts

    def publisher(self):
        if self.servers:
            return None
        return RecordedTopic(ListInRedis(self.cache), halfway=lambda: self.reached(HALF_PUBLISHED))

    def copies(self):
        return super().copies() if self.servers else RecordedTopic(ListInRedis(self.cache)).copies()


def _work(sender, fields, where, job, kill, sizes):
    seen = Counter()

    def reached(step):
        seen[step] += 1
        if kill is not None and (kill.step, kill.nth) == (step, seen[step]):
            if kill.freeze:
                sender.send(("frozen",))
            os.kill(os.getpid(), signal.SIGSTOP if kill.freeze else signal.SIGKILL)

    with _ReportingRedis.from_url(where) if isinstance(where, str) else _ReportingCluster(where) as client:
        client.reached = reached
        shop = ChaosShop(**fields | {"sizes": sizes}, cache=client)
        shop.reached = reached
        what, plan, *about = job
        try:
            if what == "decide":
                sender.send(("returned", shop.carry_out(plan, reached=reached)))
            elif what == "reconcile":
                sender.send(("returned", shop.reconcile(plan, *about, reached=reached)))
            else:
                sender.send(("returned", shop.close(plan, *about)))
        except StockSyncError as error:
            sender.send(("refused", type(error).__name__))
