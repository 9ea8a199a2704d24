"""Anything in any order: orders, corruption, lost locks, flushes, restarts, kills, lost replies, a broker that is full.

After every step the program may have changed a counter in one way only: from a small difference to exactly what is
right. A failure shrinks to a few steps, which Hypothesis prints together with a line that replays them.
"""

import uuid
from collections import Counter

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from stocksync.model.progress import RangeOutcome
from tests.kit.chaos import size
from tests.kit.chaos.attempts import STEPS
from tests.kit.chaos.stepping import SETTLE, SteppedAttempt, SteppedShop

IDS = ["a", "b", "c", "d", "e"]
PRODUCT = st.sampled_from(IDS)
DRIFTS = st.sampled_from([0, 1, -1, 3, -3, 10, -10, 11, -60])
STOCKS = st.fixed_dictionaries({i: st.tuples(st.integers(20, 90), DRIFTS) for i in IDS})
VALUES = st.none() | st.integers(0, 90).map(lambda n: str(n).encode()) | st.sampled_from([b"", b"x", b"1.5"])
AT_MOST = 3
THEN = st.sampled_from(["buy", "give back", "the lock expires", "another attempt begins"])


class Anything(RuleBasedStateMachine):
    uri = None

    @initialize(stocks=STOCKS)
    def open(self, stocks):
        self.world = SteppedShop(self.uri, stocks)
        self.attempts, self.finished = [], {}
        self.run_id, self.flushed = "run-1", False

    # --- the shop --------------------------------------------------------------------------------------------

    @rule(product=PRODUCT, lag=st.floats(0, SETTLE * 0.9))
    def buy(self, product, lag):
        self.world.order(product, 1, lag)

    @rule(product=PRODUCT, lag=st.floats(0, SETTLE * 0.9))
    def give_back(self, product, lag):
        self.world.order(product, -1, lag)

    @rule(drifts=st.fixed_dictionaries(dict.fromkeys(IDS, DRIFTS)))
    def drift(self, drifts):
        for product, drift in drifts.items():
            if (held := self.world.number(product)) is not None:
                self.world.corrupt(product, str(held - drift).encode())

    @rule(seconds=st.floats(0, SETTLE * 2))
    def wait(self, seconds):
        self.world.clock.sleep(seconds)

    # --- attempts --------------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.attempts) < AT_MOST)
    @rule()
    def begin(self):
        """Airflow starts an attempt: the first, a retry, or one beside a sleeper it has given up."""
        if self.run_id in self.finished:
            self.run_id = f"run-{uuid.uuid4()}"
        self.attempts.append(SteppedAttempt(self.world, self.world.plan(self.run_id)))

    @precondition(lambda self: len(self.attempts) < AT_MOST)
    @rule()
    def begin_another_run(self):
        self.attempts.append(SteppedAttempt(self.world, self.world.plan("run-of-another")))

    @precondition(lambda self: self.attempts)
    @rule(which=st.integers(0, AT_MOST), count=st.integers(1, 4))
    def go_on(self, which, count):
        self._step(which, count)

    @precondition(lambda self: self.attempts)
    @rule(which=st.integers(0, AT_MOST), count=st.integers(5, 60))
    def go_far(self, which, count):
        self._step(which, count)

    @precondition(lambda self: self.attempts)
    @rule(which=st.integers(0, AT_MOST), step=st.sampled_from([*STEPS, "asleep"]), then=THEN)
    def go_to(self, which, step, then):
        """Something happens at the very moment when a step is passed."""
        self._step(which, 200, until=step)
        if then in {"buy", "give back"}:
            for product in IDS:
                self.world.order(product, 1 if then == "buy" else -1, SETTLE / 2)
        elif then == "the lock expires":
            self.world.expire_lock()
        elif len(self.attempts) < AT_MOST:
            self.begin()

    def _step(self, which, count, until=None):
        attempt = self.attempts[which % len(self.attempts)]
        while count and attempt.alive:
            count -= 1
            attempt.step()
            self.world.notice(attempt.plan.run_id)
            if attempt.at == until:
                break
        self.bury()

    @precondition(lambda self: self.attempts)
    @rule(which=st.integers(0, AT_MOST))
    def kill(self, which):
        self.attempts[which % len(self.attempts)].kill()
        self.bury()

    # --- what breaks -----------------------------------------------------------------------------------------

    @rule(
        what=st.sampled_from(["corrupt", "corrupt", "lock", "lock", "restart", "restart", "flush"]),
        product=PRODUCT,
        value=VALUES,
    )
    def accident(self, what, product, value):
        if what == "corrupt":
            self.world.corrupt(product, value)
        elif what == "lock":
            self.world.expire_lock()
        elif what == "restart":  # with its data
            self.world.redis.script_flush()
            self.world.redis.client_kill_filter(_type="normal", skipme=True)
        else:
            self.world.flush()
            self.flushed = True

    @rule(after=st.integers(1, 6))
    def a_reply_will_be_lost(self, after):
        type(self.world._program).loses = after

    @rule(room=st.none() | st.integers(0, 2))
    def the_broker_has_room(self, room):
        self.world.publisher.room = room

    @precondition(lambda self: self.world.publisher.room is None)
    @rule()
    def another_runs_drain(self):
        self.world.drain()

    # --- what must hold --------------------------------------------------------------------------------------

    def bury(self):
        for attempt in [a for a in self.attempts if not a.alive]:
            self.attempts.remove(attempt)
            if isinstance(attempt.result, RangeOutcome):
                assert attempt.result.tally.products == len(IDS)
                self.finished[attempt.plan.run_id] = attempt.result

    @invariant()
    def nothing_was_written_that_is_not_right(self):
        if hasattr(self, "world"):
            self.world.notice("nobody")

    def teardown(self):
        if not hasattr(self, "world"):
            return
        world = self.world
        for attempt in self.attempts:
            attempt.kill()
        world.publisher.room, type(world._program).loses = None, 0
        world.expire_lock()
        world.drain()
        world.clock.sleep(SETTLE)  # every order has arrived
        last = SteppedAttempt(world, world.plan("run-last"))
        while last.alive:
            last.step()
            world.notice("run-last")
        self.attempts = [last]
        self.bury()
        world.expire_lock()
        self.hold()
        world.close()

    def hold(self):
        world = self.world
        events = [(event["productId"], event) for event in world.publisher.events().values()]
        assert "run-last" in self.finished
        assert world.redis.keys("sync:stock:outbox*") == []
        for product in IDS:
            held = world.number(product)
            if world.values[product] is None or held is not None:
                difference = abs(world.right(product) - (held or 0))
                assert difference == 0 or difference > 10, f"{product} was not restored"
        told = Counter((i, e["discrepancy"]) for i, e in events if e["action"] == "REDIS_RESTORED")
        done = Counter((i, added) for _, i, added in world.restores)
        assert told <= done, "an event tells of a restore that never was"
        if not self.flushed:
            assert told == done, "a restore without an event"
            for run_id, outcome in self.finished.items():
                restores = [r for r in world.restores if r[0] == run_id]
                assert outcome.tally.restored.count == len(restores)


@pytest.mark.timeout(3000)
def test_anything_in_any_order_leaves_every_promise_true(redis_server, cache, monkeypatch, figures):
    monkeypatch.setattr(Anything, "uri", redis_server.uri)
    machine = seed(int(size.SEED))(Anything) if size.SEED else Anything
    machine.TestCase.settings = settings(
        max_examples=size.EXAMPLES,
        stateful_step_count=50,
        deadline=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=machine.TestCase.settings)
    figures("state machine", f"{size.EXAMPLES:,} runs of at most 50 steps")
