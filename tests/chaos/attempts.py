"""Attempts at a range that run in a process of their own and are killed with SIGKILL at a named step.

The processes come from a fork server that has everything imported: a kill costs tens of milliseconds, not seconds.
"""

import json
import multiprocessing
import os
import signal
from collections import Counter
from dataclasses import dataclass

import redis

from stocksync.adapters import postgres_copy
from stocksync.domain.progress import RangeOutcome
from stocksync.services import suspects
from tests.shop import Shop

STEPS = ("settled", "looked again", "committed", "published", "saved", "cleared")
"""The named steps of a group, in their order; "recovered" comes on top in an attempt that finds leftovers."""

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.shop"])


@dataclass(frozen=True)
class Kill:
    """Die when a step is reached for the nth time (from 1)."""

    step: str
    nth: int


def attempt(shop: Shop, redis_uri: str, plan, id_range, kill: Kill | None = None):
    """Run one attempt in a process; return its outcome, or None if it was killed."""
    receiver, sender = PROCESSES.Pipe(duplex=False)
    fields = {name: getattr(shop, name) for name in shop.__dataclass_fields__ if name != "cache"}
    process = PROCESSES.Process(target=_work, args=(sender, fields, redis_uri, plan, id_range, kill))
    process.start()
    sender.close()
    try:
        said = receiver.recv() if receiver.poll(60) else None
    except EOFError:
        said = None
    process.join(60)
    if kill is not None and process.exitcode == -signal.SIGKILL:
        return None
    assert process.exitcode == 0, f"the attempt ended with {process.exitcode}"
    return RangeOutcome.from_dict(json.loads(said))


def _work(sender, fields, redis_uri, plan, id_range, kill):
    postgres_copy.BATCH, suspects.GROUP_SIZE = 10, 14
    seen = Counter()

    def reached(step):
        seen[step] += 1
        if kill is not None and (kill.step, kill.nth) == (step, seen[step]):
            os.kill(os.getpid(), signal.SIGKILL)

    with redis.Redis.from_url(redis_uri) as client:
        outcome = Shop(**fields, cache=client).reconcile(plan, id_range, reached=reached)
    sender.send(json.dumps(outcome.to_dict()))
