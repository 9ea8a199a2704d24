"""How a range is called, and foreign text in front of people."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocksync.model.id_range import IdRange
from stocksync.model.text import printable

MOST_THE_UI_KEEPS = 250


@pytest.mark.parametrize(
    ("id_range", "label"),
    [
        (IdRange(0, 1), "1/1 · first … last (0)"),
        (IdRange(0, 10, upper="PRD-01000", rows=1000), "1/10 · first … PRD-01000 (1,000)"),
        (IdRange(9, 10, lower="PRD-09000", rows=1000), "10/10 · PRD-09000 … last (1,000)"),
        (IdRange(1, 3, lower="", upper="a b", rows=1), "2/3 ·  … a b (1)"),
        (IdRange(0, 2, ids=("a", "b"), rows=2), "1/2 · 2 chosen ids"),
        (IdRange(0, 1, ids=("a",), rows=1), "1/1 · 1 chosen id"),
        (IdRange(1, 3, lower="a\nb", upper="<!channel>"), r"2/3 · a\nb … <!channel> (0)"),
        (IdRange(1, 3, lower="\u202egnp", upper="한국어"), r"2/3 · \u202egnp … 한국어 (0)"),
    ],
)
def test_a_range_is_called_by_its_place_and_its_bounds(id_range, label):
    assert id_range.label == label


@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
def test_a_label_is_one_printable_line_that_the_ui_can_keep_whatever_the_ids(lower, upper):
    label = IdRange(12_345, 54_321, lower, upper, rows=10**9).label

    assert label.isprintable()
    assert len(label) <= MOST_THE_UI_KEEPS


@pytest.mark.parametrize("character", ["\U000e0001", "\x00", "\u202e", "k", "한"])
def test_a_thousand_strange_characters_in_an_id_still_fit_the_ui(character):
    label = IdRange(63, 64, character * 1000, character * 1000, rows=10**9).label

    assert len(label) <= MOST_THE_UI_KEEPS
    assert label.startswith("64/64 · ")


@pytest.mark.parametrize(
    "id_range",
    [
        IdRange(0, 1),
        IdRange(2, 5, "é", "e\u0301\n", rows=7),
        IdRange(0, 1, ids=("b", "a"), rows=2),
        IdRange(0, 1, ids=()),
    ],
)
def test_a_range_survives_the_way_to_its_task(id_range):
    raw = json.loads(json.dumps(id_range.to_dict()))

    assert IdRange.from_dict(raw) == id_range
    assert raw["label"] == id_range.label


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("", ""),
        ("two words", "two words"),
        ("한국어 🎈 é", "한국어 🎈 é"),
        ("a\nERROR forged line", r"a\nERROR forged line"),
        ("a\r\x1b[31mred", r"a\r\x1b[31mred"),
        ("\u202eexe.png", r"\u202eexe.png"),
        ("a\u2028b\u00a0c\ud800", r"a\u2028b\xa0c\ud800"),
        ("x" * 81, "x" * 80 + "… (81 characters)"),
    ],
)
def test_foreign_text_is_shown_on_one_line_and_cannot_act(text, shown):
    assert printable(text) == shown


@given(st.text(), st.integers(1, 200))
def test_whatever_comes_is_one_printable_line(text, limit):
    assert printable(text, limit).isprintable()
