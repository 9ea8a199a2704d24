"""The note of a run in Airflow's UI."""

import pytest

from stocksync.model.note import plain, with_ours


def test_the_reason_comes_first_and_what_a_person_wrote_stays():
    assert with_ours("ask Kim", "it failed") == "it failed (stock-sync)\n\nask Kim"


def test_what_we_say_takes_the_place_of_what_we_said_before_wherever_people_wrote():
    edited = "see below\n\n" + with_ours("ask Kim", "it failed")

    assert with_ours(edited, "it ended") == "it ended (stock-sync)\n\nsee below\n\nask Kim"
    assert with_ours(edited, "") == "see below\n\nask Kim"


def test_a_run_that_has_nothing_to_say_gets_no_note():
    assert with_ours(None, "") == ""


def test_each_line_is_a_paragraph_of_its_own():
    assert with_ours(None, "one\ntwo") == "one (stock-sync)\n\ntwo (stock-sync)"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("param 'product_ids'", "param 'product_ids'"),
        ("run manual__2026-11-25", "run manual__2026-11-25"),
        ("__a__", r"\_\_a\_\_"),
        ("[a](javascript:b)", r"\[a\](javascript:b)"),
        ("<img src=x>", r"\<img src=x\>"),
        ("**a** _b_ ~~c~~ `d`", r"\*\*a\*\* \_b\_ \~\~c\~\~ \`d\`"),
        ("&lt;", r"\&lt;"),
    ],
)
def test_nothing_in_it_acts(text, shown):
    assert plain(text) == shown
