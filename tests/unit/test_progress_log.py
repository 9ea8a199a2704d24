"""What an operator reads in a task's log."""

import logging

import pytest

from stocksync.model.id_range import IdRange
from stocksync.reconcile import progress_log
from tests.kit.fakes.shop import FakeShop, Killed, killed_at

FORGED = "a\nERROR everything is lost\x1b[31m"


@pytest.fixture(autouse=True)
def every_line(caplog):
    caplog.set_level(logging.INFO, "stocksync")


def progress_in(caplog):
    return [line for line in caplog.messages if "products compared" in line]


def test_a_long_run_tells_how_far_it_is_every_few_seconds_and_not_once_a_product(caplog):
    world = FakeShop({f"P{n:05d}": (n, n) for n in range(20_000)})
    world.ledger.before_batch = lambda: world.clock.sleep(1)

    world.attempt(id_range=IdRange(0, 1, rows=20_000))

    assert progress_in(caplog) == [
        "5,000 of 20,000 (25 %) products compared, 1,000 a second, 0 differences confirmed so far",
        "10,000 of 20,000 (50 %) products compared, 1,000 a second, 0 differences confirmed so far",
        "15,000 of 20,000 (75 %) products compared, 1,000 a second, 0 differences confirmed so far",
        "20,000 of 20,000 (100 %) products compared, 1,000 a second, 0 differences confirmed so far",
    ]
    assert len(caplog.messages) < 10


def test_the_rate_that_is_shown_is_the_one_that_is_kept_to(caplog):
    world = FakeShop({f"P{n:05d}": (n, n) for n in range(4_000)})

    world.attempt(pace=200, id_range=IdRange(0, 1, rows=4_000))

    assert progress_in(caplog) == [
        f"{n},000 of 4,000 ({n * 25} %) products compared, 200 a second (limit 200), 0 differences confirmed so far"
        for n in (1, 2, 3, 4)
    ]


def test_an_attempt_that_goes_on_counts_what_an_earlier_one_has_compared(caplog):
    world = FakeShop({f"P{n:05d}": (n, n + 1 if n < 2000 else n) for n in range(4_000)}, group=500)
    with pytest.raises(Killed):
        world.attempt(reached=killed_at("cleared", times=2), id_range=IdRange(0, 1, rows=4_000))
    world.ledger.before_batch = lambda: world.clock.sleep(5)

    world.attempt(id_range=IdRange(0, 1, rows=4_000))

    assert progress_in(caplog)[-1].startswith("4,000 of 4,000 (100 %) products compared")


def test_a_range_that_grew_does_not_claim_more_than_all_of_it(caplog):
    world = FakeShop({f"P{n:05d}": (n, n) for n in range(2_000)})
    world.ledger.before_batch = lambda: world.clock.sleep(5)

    world.attempt(id_range=IdRange(0, 1, rows=1_500))

    assert progress_in(caplog)[-1].startswith("2,000 products compared")


def test_a_flush_is_not_called_agreement_where_missing_keys_are_ignored(caplog):
    FakeShop({f"P{n}": (5, None) for n in range(203)} | {"a": (1, 1)}, policy="ignore").attempt()

    assert "204 products: 1 agree, 0 restored" in caplog.messages[-1]
    assert caplog.messages[-1].endswith("203 without a key, left alone")


def test_a_run_keeps_to_the_pace_it_was_given():
    world = FakeShop({f"P{n:05d}": (n, n) for n in range(20_000)})

    world.attempt(pace=1000)

    assert world.clock.monotonic() == 20


def test_the_log_names_the_range_at_its_beginning_and_counts_it_at_its_end(caplog):
    FakeShop({"a": (5, 4), "b": (100, 1), "c": (1, 1), "d": (1, b"x")}).attempt()

    assert caplog.messages[0] == "range 1/1 · first … last (0): begun"
    assert caplog.messages[-1] == (
        "range 1/1 · first … last (0): 4 products: 1 agree, 1 restored, 1 for manual review, 0 still changing, "
        "1 no stock number, 0 left"
    )


@pytest.mark.fault(31)
def test_an_id_cannot_forge_a_line_of_the_log(caplog):
    world = FakeShop({FORGED: (5, b"x"), FORGED + "2": (None, 1)})

    world.attempt()

    assert r"no stock number: a\nERROR everything is lost\x1b[31m, a\nERROR" in caplog.text
    assert all(line.isprintable() for line in caplog.messages)


@pytest.mark.fault(31)
def test_an_id_cannot_forge_a_line_where_an_attempt_goes_on(caplog):
    world = FakeShop({FORGED: (5, 4), "z": (1, 1)})
    with pytest.raises(Killed):
        world.attempt(reached=killed_at("cleared"))
    world.journal.text = world.journal.text.replace('"done": true', '"done": false')
    world.redis.notes.clear()

    world.attempt()

    assert "begun, going on after z" in caplog.text
    assert all(line.isprintable() for line in caplog.messages)


def test_products_that_kept_moving_are_named(caplog):
    world = FakeShop({"a": (100, 97)})

    world.attempt(reached=lambda step: world.sell("a") if step == "looked again" else None)

    assert "still changing, left alone: a" in caplog.messages


def test_a_thousand_corrupt_counters_are_named_in_one_short_line(caplog):
    FakeShop({f"P{n:04d}": (5, b"x") for n in range(1000)}).attempt()

    [line] = [line for line in caplog.messages if line.startswith("no stock number")]
    assert line.endswith(f"and {1000 - progress_log._NAMED_AT_MOST} more")
    assert line.count("P0") == progress_log._NAMED_AT_MOST


def test_a_recovery_says_how_many_events_it_found(caplog):
    world = FakeShop({"a": (5, 4), "b": (5, 4)})
    with pytest.raises(Killed):
        world.attempt(reached=killed_at("committed"))

    world.attempt()

    assert "an earlier attempt left 2 events in the outbox: published" in caplog.messages
