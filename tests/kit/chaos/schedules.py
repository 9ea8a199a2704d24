"""Random schedules of death: which attempts are killed or frozen where, and what happens between them."""

import random
from dataclasses import dataclass, replace

from stocksync.reconcile.sizes import Sizes
from tests.kit.chaos.attempts import ANSWERED, ASKED, HALF_PUBLISHED, STEPS, AttemptProcess, Kill
from tests.kit.whole_cluster import lock_key

KINDS = {
    "matched": lambda rng: (stock := rng.randint(0, 500), stock),
    "small": lambda rng: (stock := rng.randint(20, 500), stock - rng.choice([-10, -6, -5, -1, 1, 5, 6, 10])),
    "large": lambda rng: (stock := rng.randint(200, 500), stock - rng.choice([-200, -51, -50, -11, 11, 50, 51])),
    "missing": lambda rng: (rng.choice([0, 1, 10, 11, 50, 51]), None),
    "junk": lambda rng: (rng.randint(0, 9), rng.choice(["", "x", "1.5", " 7", "1e3"])),
    "no stock": lambda rng: (rng.choice([None, -1, 2**31]), rng.randint(0, 9)),
}
BETWEEN = ["", "", "", "the lock expires", "a stranger has the lock", "the frozen wake"]
RARELY, OFTEN = 3, 15


@dataclass(frozen=True)
class Schedule:
    """One night: the catalogue, how it is cut, and each range's deaths, each with what happens after it.

    Attributes:
        rows: (id, ledger, cache)
        max_ranges: how many ranges at most
        sizes: how finely a range is cut
        deaths: by range: (kill, what happens before the next attempt)
        gives_up: the ranges of which no attempt survives
        closing: kills of the tasks after the ranges
        cleared: whether a person clears the whole run afterwards, and with which deaths it is done again
    """

    rows: list
    max_ranges: int
    sizes: Sizes
    deaths: list
    gives_up: frozenset
    closing: list
    cleared: list | None

    @classmethod
    def of(cls, seed):
        rng = random.Random(seed)
        weights = [rng.random() for _ in KINDS]
        kinds = rng.choices(list(KINDS), weights, k=rng.randint(1, 60))
        rows = [(f"P{n:03d}", *KINDS[kind](rng)) for n, kind in enumerate(kinds)]
        max_ranges = rng.choice([1, 1, 2, 3])
        sizes = Sizes(batch=rng.randint(1, 10), group=rng.randint(1, 15), commit=rng.choice([1, 3, 200]))
        sizes = replace(sizes, together=rng.choice([1, 2, 4]))
        deaths = [[_death(rng) for _ in range(rng.randint(0, 4))] for _ in range(max_ranges)]
        gives_up = frozenset(n for n in range(max_ranges) if deaths[n] and rng.random() < 0.1)
        closing = [_kill(rng, [ASKED, ANSWERED, HALF_PUBLISHED], OFTEN // 2) for _ in range(rng.choice([0, 0, 1, 2]))]
        cleared = [_death(rng) for _ in range(rng.randint(0, 2))] if rng.random() < 0.3 else None
        return cls(rows, max_ranges, sizes, deaths, gives_up, closing, cleared)


class Play:
    """A schedule played on real stores."""

    def __init__(self, shop, schedule):
        self.shop, self._schedule = shop, schedule
        shop.max_ranges, shop.batch_size = schedule.max_ranges, max(1, len(schedule.rows) // schedule.max_ranges)
        shop.stock(schedule.rows)
        self.plan, self.ranges = shop.plan(), shop.ranges()
        self.deaths = 0
        self._frozen = []

    def run(self):
        """The run from its first attempt to its summary, with the late awakening of whoever was frozen."""
        deaths = [*self._schedule.deaths, *([[]] * len(self.ranges))]
        outcomes = {
            id_range.index: outcome
            for id_range, mine in zip(self.ranges, deaths, strict=False)
            if (outcome := self._range(id_range, mine, gives_up=id_range.index in self._schedule.gives_up)) is not None
        }
        return self._close(outcomes)

    def cleared(self):
        """A person clears the run: its ranges are worked through again as another pass."""
        self.plan = replace(self.plan, pass_number=self.plan.pass_number + 1)
        return self._close({r.index: self._range(r, self._schedule.cleared) for r in self.ranges})

    def thaw(self):
        """Wake everyone who was frozen; nothing they do may matter any more."""
        for sleeper in self._frozen:
            sleeper.thaw()
        self._frozen.clear()

    def _range(self, id_range, deaths, *, gives_up=False):
        for kill, then in deaths:
            outcome = self._attempt(("reconcile", self.plan, id_range), kill)
            if outcome is not None and not gives_up:
                return outcome
            self._happens(then, id_range)
        if gives_up:
            return None
        outcome = self._attempt(("reconcile", self.plan, id_range), None)
        assert outcome is not None, "an attempt that nobody killed was refused"
        return outcome

    def _close(self, outcomes):
        for kill in self._schedule.closing:
            self._attempt(("close", self.plan, self.ranges, outcomes), kill)
        return self._attempt(("close", self.plan, self.ranges, outcomes), None)

    def _attempt(self, job, kill):
        made = AttemptProcess(self.shop, self.shop.cache.where, job, kill, self._schedule.sizes)
        result = made.result()
        self.deaths += result is None
        if made.frozen:
            self._frozen.append(made)
        return result

    def _happens(self, what, id_range):
        lock = lock_key(self.shop.cache, self.plan.date)
        if what == "the frozen wake":
            self.thaw()
        elif what:
            self.shop.cache.delete(lock)
        if what == "a stranger has the lock":
            self.shop.cache.set(lock, "stranger")
            refused = self._attempt(("reconcile", self.plan, id_range), None)
            assert refused is None, "an attempt worked though a stranger has the lock"
            assert self.shop.cache.get(lock) == b"stranger", "a stranger's lock was taken away"
            self.shop.cache.delete(lock)


def _death(rng):
    if rng.random() < 0.5:
        kill = _kill(rng, [*STEPS, "recovered", HALF_PUBLISHED], RARELY)
    else:
        kill = _kill(rng, [ASKED, ANSWERED], OFTEN)
    return kill, rng.choice(BETWEEN)


def _kill(rng, steps, at_most):
    freeze = rng.random() < 0.15
    # Not while it takes the lock: see "a worker that sleeps for the rest of its run" in docs/reliability.md.
    return Kill(rng.choice(steps), rng.randint(3 if freeze and ASKED in steps else 1, at_most), freeze)
