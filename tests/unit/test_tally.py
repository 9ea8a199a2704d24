"""Counts merge in any order and grouping: ranges finish as they like, and attempts die where they like."""

import itertools
import json
from functools import reduce
from operator import add

from hypothesis import given
from hypothesis import strategies as st

from stocksync.model.progress import Progress, RangeOutcome
from stocksync.model.tally import TOP, Findings, Tally
from tests.kit.findings import findings


@st.composite
def shares(draw):
    """The same discrepancies, cut into three tallies, with other counts beside them."""
    all_of_them = draw(findings())
    cuts = sorted(draw(st.lists(st.integers(0, len(all_of_them)), min_size=2, max_size=2)))
    edges = [0, *cuts, len(all_of_them)]
    counts = st.integers(0, 1000)
    return all_of_them, [
        Tally.of(all_of_them[start:end])
        + Tally(matched=draw(counts), changed=draw(counts), invalid=draw(counts), missing_keys=draw(counts))
        for start, end in itertools.pairwise(edges)
    ]


@given(shares())
def test_tallies_merge_in_any_order_and_grouping(cut):
    _, (a, b, c) = cut

    assert (a + b) + c == a + (b + c) == (c + a) + b == c + (b + a)
    assert a + Tally() == Tally() + a == a


@given(shares())
def test_merged_counts_are_those_of_the_whole(cut):
    found, parts = cut
    whole = Tally.of(found)
    merged = reduce(add, parts, Tally())

    assert (merged.restored, merged.review) == (whole.restored, whole.review)
    assert merged.products == sum(part.products for part in parts)
    assert merged.restored.count + merged.review.count == len(found)


@given(findings())
def test_the_top_are_the_ten_largest_by_size(found):
    top = Findings.of(found).top

    sizes = sorted((abs(f.difference.discrepancy) for f in found), reverse=True)
    assert [abs(entry.discrepancy) for entry in top] == sizes[:TOP]
    assert len({entry.product_id for entry in top}) == len(top)


@given(shares())
def test_a_tally_survives_json(cut):
    for tally in cut[1]:
        assert Tally.from_dict(json.loads(json.dumps(tally.to_dict()))) == tally


@given(shares(), st.none() | st.text(max_size=4), st.lists(st.text(max_size=3)), st.booleans())
def test_progress_and_outcome_survive_json(cut, position, ids, done):
    tally = cut[1][0]
    progress = Progress(1_772_384_400_000, 2, 7, position, tally, tuple(ids), tuple(reversed(ids)), done)
    outcome = RangeOutcome(3, tally, 11)

    assert Progress.from_dict(json.loads(json.dumps(progress.to_dict()))) == progress
    assert RangeOutcome.from_dict(json.loads(json.dumps(outcome.to_dict()))) == outcome
