"""Random schedules of death. A failure names its seed: `make chaos CHAOS_SEED=seed` plays that schedule again."""

import pytest

from tests.kit.chaos import size
from tests.kit.chaos.attempts import ChaosShop
from tests.kit.chaos.schedules import Play, Schedule
from tests.kit.oracle import fates_of
from tests.kit.promises import assert_promises, logical_events

KAFKA_EVERY = 20
"""Of so many schedules one publishes to a real broker; the others to a list, which is faster."""


@pytest.fixture
def stage(database, one_server, three_masters, kafka):
    """Plays schedules one after the other on empty stores, of either shape of Redis in turn."""

    def play(seed):
        cache = (one_server, three_masters)[seed % 2]
        cache.flushall()
        topic = f"chaos.{seed}"
        if seed % KAFKA_EVERY == 0:
            kafka.create_topic(topic)
        shop = ChaosShop(database, cache, kafka.client if seed % KAFKA_EVERY == 0 else {}, topic)
        shop.sql("DROP TABLE IF EXISTS products")
        return Play(shop.build(), Schedule.of(seed))

    return play


@pytest.mark.fault(1, 2, 3, 4, 5, 16, 24, 33)
@pytest.mark.timeout(3600)
def test_whoever_dies_wherever_nothing_is_lost_and_everything_counts_once(stage, figures):
    deaths = 0
    for seed in size.seeds():
        schedule, play = Schedule.of(seed), stage(seed)
        try:
            hold_against(schedule, play)
        except Exception as error:
            raise AssertionError(f"replay it with CHAOS_SEED={seed}: {schedule}") from error
        deaths += play.deaths
    figures("kills", f"{len(size.seeds()):,} schedules, {deaths:,} attempts killed, frozen or refused")


def hold_against(schedule, play):
    shop, rows = play.shop, schedule.rows
    complete = not schedule.gives_up.intersection(r.index for r in play.ranges)

    summary = play.run()
    play.thaw()
    assert_promises(shop, rows, summary, complete=complete)

    if schedule.cleared is not None:
        summary = play.cleared()
        play.thaw()
        assert_promises(shop, rows, summary)
        complete = True

    if complete:
        again = shop.run()
        assert again["restored"] == 0, "a second run restored something though nothing had changed"
        assert len(logical_events(shop, again["run_id"])) == again["manual_review"] == summary["manual_review"]
        assert again["matched"] == summary["matched"] + summary["restored"]
        fates = fates_of(rows)
        for product_id, ledger, cached in rows:
            left = str(ledger) if fates[product_id].name == "restored" else None if cached is None else str(cached)
            assert shop.counter(product_id) == left
