"""The soak's judgement: it must see a leak, and no leak where there is none."""

import random

import pytest

from tests.kit.soak.growth import Limit, growth

LIMIT = Limit("MB", total=40)


def test_a_leak_of_half_a_megabyte_a_night_is_seen_in_six_hours():
    noise = random.Random(1)
    assert not growth("memory", LIMIT, [300 + 0.5 * n + noise.uniform(-5, 5) for n in range(180)]).within


def test_noise_and_the_warming_up_of_the_first_nights_are_no_leak():
    noise = random.Random(2)
    values = [300 + min(n, 5) * 20 + noise.uniform(-5, 5) for n in range(180)]
    assert growth("memory", LIMIT, values).within


def test_one_odd_night_is_no_leak():
    assert growth("memory", LIMIT, [300] * 10 + [900] + [300] * 10).within


def test_what_is_kept_on_purpose_may_grow_with_the_nights_and_not_faster():
    kept = Limit("", total=10, a_night=12)
    assert growth("keys", kept, [12 * n for n in range(60)]).within
    assert not growth("keys", kept, [14 * n for n in range(60)]).within


def test_too_few_nights_say_nothing():
    with pytest.raises(AssertionError, match="too few"):
        growth("memory", LIMIT, [1, 2, 3])
