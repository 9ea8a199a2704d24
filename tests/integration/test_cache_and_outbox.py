"""The counters, the lock and the outbox on a real Redis."""

import json
import re
from dataclasses import replace
from types import SimpleNamespace

import pytest

from stocksync.adapters import redis_keys
from stocksync.adapters.redis_lock import RedisRunLock
from stocksync.adapters.redis_outbox import RedisOutbox
from stocksync.adapters.redis_spaces import space_of
from stocksync.bootstrap import Bootstrap
from stocksync.errors import LockLost, Superseded
from stocksync.model.finding import RunIdentity
from stocksync.model.policy import Action
from stocksync.model.progress import Progress
from stocksync.model.tally import Tally
from stocksync.reconcile.ports import Pending
from stocksync.settings import Settings
from tests.kit.fakes.shop import PLAN
from tests.kit.outbox import DATE, RUN, listed, outbox_of, proposal
from tests.kit.whole_cluster import UNHURRIED

PROGRESS = Progress(1_772_384_400_000, 0, 3, "P-9", Tally(matched=7), ("a",), ("b",))


@pytest.fixture
def cache(either):
    either.patience = UNHURRIED
    return either


@pytest.fixture
def lock(cache):
    lock = RedisRunLock(cache, DATE, RUN.run_id)
    lock.hold()
    return lock


@pytest.fixture
def outbox(cache, lock):
    outbox = outbox_of(cache)
    outbox.take_over()
    return outbox


def lock_of(cache):
    """The key of the run's lock."""
    return space_of(cache).keys.lock(DATE)


def outbox_at(cache, product_id):
    """The key that has a product's record."""
    space = space_of(cache)
    return redis_keys.outbox(RUN.run_id, 0, space.tag(space.group_of(f"stock:{product_id}")))


def before_it_commits(outbox, happens):
    """Let something happen between an attempt's announcement and its writing."""
    run = outbox._space.run

    def late(script, calls):
        if script == "commit":
            happens()
        return run(script, calls)

    outbox._space.run = late


def held(cache):
    """Everything Redis holds that a restore or an outbox could have changed."""
    return {key: cache.get(key) if cache.type(key) == b"string" else cache.type(key) for key in sorted(cache.keys("*"))}


# --- restoring and recording -------------------------------------------------------------------------------------


def test_a_restore_and_its_record_happen_together_or_not_at_all(cache, outbox):
    cache.set("stock:a", 97)
    cache.set("stock:b", 96)
    restored, sold = proposal("a"), proposal("b", expected=b"97")

    assert outbox.commit(3, [restored, sold]) == [True, False]

    assert (cache.get("stock:a"), cache.get("stock:b")) == (b"100", b"96")
    assert outbox.pending() == [Pending(restored.finding, 3)]


@pytest.mark.parametrize("kind", ["97 ", "097", "", None, "list"])
def test_only_the_exact_bytes_that_were_confirmed_are_overwritten(cache, outbox, kind):
    if kind == "list":
        cache.rpush("stock:a", "97")
    elif kind is not None:
        cache.set("stock:a", kind)
    before = cache.dump("stock:a")

    assert outbox.commit(0, [proposal("a")]) == [False]
    assert cache.dump("stock:a") == before
    assert outbox.pending() == []
    outbox.clear([], PROGRESS)
    assert listed(cache) == []


@pytest.mark.parametrize(("there", "restored"), [(None, True), ("0", False), ("", False), ("list", False)])
def test_a_missing_key_is_set_only_while_it_is_missing(cache, outbox, there, restored):
    if there == "list":
        cache.rpush("stock:a", "1")
    elif there is not None:
        cache.set("stock:a", there)

    assert outbox.commit(0, [proposal("a", expected=None)]) == [restored]
    assert (cache.type("stock:a") == b"string" and cache.get("stock:a") == b"100") == restored


@pytest.mark.fault(29)
def test_a_restored_key_keeps_its_time_to_live(cache, outbox):
    cache.set("stock:a", 97, ex=1000)
    outbox.commit(0, [proposal("a")])

    assert cache.get("stock:a") == b"100"
    assert 990 < cache.ttl("stock:a") <= 1000


def test_a_difference_left_to_a_person_is_recorded_and_its_counter_not_touched(cache, outbox):
    cache.set("stock:a", 97, ex=1000)

    assert outbox.commit(0, [proposal("a", action=Action.MANUAL_REVIEW_REQUIRED)]) == [True]
    assert cache.get("stock:a") == b"97"
    assert len(outbox.pending()) == 1


@pytest.mark.fault(3)
def test_a_restore_whose_reply_was_lost_can_be_repeated(cache, outbox):
    cache.set("stock:a", 97)
    first = proposal("a")
    assert outbox.commit(0, [first]) == [True]
    cache.decr("stock:a")  # the shop sells on

    assert outbox.commit(0, [first]) == [True]
    assert cache.get("stock:a") == b"99"
    assert outbox.pending() == [Pending(first.finding, 0)]


def test_many_products_are_restored_in_calls_of_a_bounded_size(cache, outbox):
    cache.mset({f"stock:P{n}": 97 for n in range(1001)})
    cache.set("stock:P500", 96)

    done = outbox.commit(0, [proposal(f"P{n}") for n in range(1001)])

    assert done == [n != 500 for n in range(1001)]
    assert len(outbox.pending()) == 1000


@pytest.mark.fault(31)
def test_any_id_goes_through_the_outbox_as_it_is(cache, outbox):
    ids = [
        "é",
        "e\u0301",
        "a:b",
        "{tag}",
        "cr\rlf\n",
        "k" * 1000,
        "'; DROP",
        "<!channel>",
        "-",
        "=97",
        "",
        "🎈",
        "\x00",
    ]
    cache.mset({f"stock:{i}": 97 for i in ids})

    assert outbox.commit(0, [proposal(i) for i in ids]) == [True] * len(ids)
    assert sorted(entry.finding.product_id for entry in outbox.pending()) == sorted(ids)
    assert cache.mget([f"stock:{i}" for i in ids]) == [b"100"] * len(ids)
    outbox.clear(ids, PROGRESS)
    assert outbox.pending() == []


def test_the_program_writes_nothing_but_counters_and_its_own_keys(cache, outbox):
    cache.set("stock:a", 97)
    cache.set("shop:basket", 1)
    outbox.commit(0, [proposal("a")])
    outbox.clear([], PROGRESS)

    others = [key for key in cache.keys("*") if not key.startswith(b"sync:stock:")]
    assert sorted(others) == [b"shop:basket", b"stock:a"]


# --- who may write -----------------------------------------------------------------------------------------------


@pytest.mark.fault(16)
@pytest.mark.parametrize("holder", [None, "scheduled__other"])
def test_a_run_that_lost_its_lock_writes_nothing_more(cache, outbox, holder):
    cache.set("stock:a", 97)
    cache.delete(lock_of(cache))
    if holder:
        cache.set(lock_of(cache), holder)
    before = held(cache)

    with pytest.raises(LockLost, match=rf"run manual__one no longer holds {re.escape(lock_of(cache))}"):
        outbox.commit(0, [proposal("a")])
    assert held(cache) == before


def test_an_attempt_that_was_replaced_writes_nothing_more_and_forgets_nothing(cache, outbox):
    cache.mset({"stock:a": 97, "stock:b": 97})
    outbox.commit(0, [proposal("a")])
    heir = outbox_of(cache)
    heir.take_over()
    before = held(cache)

    with pytest.raises(Superseded, match="range 0 of run manual__one"):
        outbox.commit(0, [proposal("b")])
    with pytest.raises(Superseded):
        outbox.clear(["a"], PROGRESS)
    assert held(cache) == before
    assert len(heir.pending()) == 1
    assert outbox_of(cache).take_over() is None, "it noted its progress"


def test_attempts_at_other_ranges_and_other_runs_do_not_disturb_each_other(cache, outbox):
    cache.set("stock:a", 97)
    outbox_of(cache, index=1).take_over()
    outbox_of(cache, run=RunIdentity("manual__two", "manual", DATE)).take_over()

    assert outbox.commit(0, [proposal("a")]) == [True]


def test_what_an_attempt_left_is_found_by_the_next_with_its_progress(cache, outbox):
    cache.mset({"stock:a": 97, "stock:b": 97})
    left = proposal("b")
    outbox.commit(2, [proposal("a")])
    outbox.clear(["a"], PROGRESS)
    outbox.commit(3, [left])

    heir = outbox_of(cache)

    assert heir.take_over() == PROGRESS
    assert heir.pending() == [Pending(left.finding, 3)]


def test_an_outbox_is_listed_as_long_as_it_may_hold_something(cache, outbox):
    cache.mset({"stock:a": 97, "stock:b": 97})
    assert listed(cache) == []

    outbox.commit(0, [proposal("a"), proposal("b")])

    [left] = listed(cache)
    assert (left.run, left.index) == (RUN, 0)
    left.outbox.take_over()
    assert [entry.finding.product_id for entry in left.outbox.pending()] == ["a", "b"]
    left.outbox.clear(["a", "b"], PROGRESS)
    assert listed(cache) == []


def test_an_attempt_that_wrote_nothing_leaves_no_outbox_on_the_list(cache, outbox):
    cache.set("stock:a", 96)
    assert outbox.commit(0, [proposal("a", expected=b"97")]) == [False]

    [left] = listed(cache)
    assert left.outbox.take_over() is None
    assert left.outbox.pending() == []
    assert listed(cache) == []


@pytest.mark.fault(16)
def test_an_attempt_that_sleeps_after_it_announced_writes_nothing_beside_its_successor(cache, outbox):
    cache.set("stock:a", 97)
    heirs = []

    def another_takes_over():
        heirs.append(outbox_of(cache))
        heirs[0].take_over()

    before_it_commits(outbox, another_takes_over)
    with pytest.raises(Superseded):
        outbox.commit(0, [proposal("a")])

    assert cache.get("stock:a") == b"97"
    assert heirs[0].pending() == []


@pytest.mark.fault(16)
def test_an_attempt_that_sleeps_after_it_announced_writes_nothing_once_its_lock_is_gone(one_server):
    cache, outbox = one_server, outbox_of(one_server)
    RedisRunLock(cache, DATE, RUN.run_id).hold()
    outbox.take_over()
    cache.set("stock:a", 97)

    before_it_commits(outbox, lambda: cache.delete(lock_of(cache)))
    with pytest.raises(LockLost):
        outbox.commit(0, [proposal("a")])

    assert cache.get("stock:a") == b"97"


@pytest.mark.fault(16, 37)
def test_an_attempt_that_sleeps_through_the_loss_of_everything_beside_the_lock_writes_nothing(three_masters):
    cache = three_masters
    cache.patience = replace(UNHURRIED, decision_s=1)
    outbox = outbox_of(cache)
    RedisRunLock(cache, DATE, RUN.run_id).hold()
    outbox.take_over()
    cache.mset({"stock:a": 97, "stock:b": 97})
    successor = RunIdentity("manual__two", "manual", DATE)

    def a_failover_forgets_and_another_run_repairs():
        for key in cache.keys("sync:stock:{own}:*"):
            cache.delete(key)
        RedisRunLock(cache, DATE, successor.run_id).hold()
        other = outbox_of(cache, run=successor, kind=RedisOutbox)
        other.take_over()
        assert other.commit(0, [proposal("a")]) == [True]
        cache.set("stock:a", 97)  # three are sold, in both stores

    before_it_commits(outbox, a_failover_forgets_and_another_run_repairs)

    assert outbox.commit(0, [proposal("a"), proposal("b")]) == [False, False]
    assert cache.mget(["stock:a", "stock:b"]) == [b"97", b"97"]


@pytest.mark.fault(16)
def test_a_run_that_takes_the_lock_shuts_out_who_announced_under_it(cache, outbox):
    cache.set("stock:a", 97)
    successor = RunIdentity("manual__two", "manual", DATE)

    def another_run_takes_the_lock():
        cache.delete(lock_of(cache))
        clients = SimpleNamespace(redis=lambda: cache, operations=lambda: None)
        Bootstrap(clients, Settings(), patience=UNHURRIED).lock(
            replace(PLAN, run_id=successor.run_id, date=DATE)
        ).hold()

    before_it_commits(outbox, another_run_takes_the_lock)
    with pytest.raises((LockLost, Superseded)):
        outbox.commit(0, [proposal("a")])
    assert cache.get("stock:a") == b"97"


@pytest.mark.fault(16)
def test_an_attempt_that_sleeps_before_it_clears_leaves_its_successors_records(cache, outbox):
    cache.set("stock:a", 97)
    outbox.commit(0, [proposal("a")])
    run = outbox._space.run

    def late(script, calls):
        heir = outbox_of(cache)
        heir.take_over()
        outbox._space.run = run
        return run(script, calls)

    outbox._space.run = late
    with pytest.raises(Superseded):
        outbox.clear(["a"], PROGRESS)

    assert cache.hkeys(outbox_at(cache, "a")) == [b"a"]


@pytest.mark.parametrize("noted", [True, False])
def test_what_the_version_before_left_is_found_and_cleared(one_server, noted):
    cache = one_server  # it knew no other
    records, progress = f"sync:stock:outbox:{RUN.run_id}:0", f"sync:stock:progress:{RUN.run_id}"
    label = {"run_id": RUN.run_id, "run_type": RUN.run_type, "date": RUN.date, "index": 0}
    left = proposal("a").finding
    cache.set("stock:a", 100)
    cache.hset(records, "a", json.dumps(left.to_dict() | {"group": 3}))
    cache.hset("sync:stock:outboxes", records, json.dumps(label))
    cache.hset(progress, "0:writer", "6f1e")
    if noted:
        cache.hset(progress, "0", json.dumps(PROGRESS.to_dict()))

    [found] = listed(cache)
    assert found.outbox.take_over() == (PROGRESS if noted else None)
    assert found.outbox.pending() == [Pending(left, 3)]
    found.outbox.clear(["a"], PROGRESS)

    assert listed(cache) == cache.keys(records) == []
    assert cache.hget(progress, "0:writer") is None  # an attempt of that version which is still alive is refused


def test_progress_does_not_stay_in_redis_for_ever(cache, outbox):
    outbox.clear([], PROGRESS)

    assert 6 * 86_400 < cache.ttl(space_of(cache).keys.progress(RUN.run_id)) <= 7 * 86_400


def test_a_record_in_redis_is_json_a_person_can_read(cache, outbox):
    cache.set("stock:a", 97)
    outbox.commit(4, [proposal("a")])

    record = json.loads(cache.hget(outbox_at(cache, "a"), "a"))
    assert (record["product_id"], record["action"], record["group"]) == ("a", "REDIS_RESTORED", 4)
