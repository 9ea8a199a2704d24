"""What the page says and draws, without a browser."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocksync.entrypoints.page.words import LANGUAGES, PageWords, language_of, texts
from stocksync.model.address import deep_link, name_of, segment
from stocksync.reporting import bars
from stocksync.reporting.headline import Mood, due, headline

TODAY = date(2026, 11, 25)
SEOUL = ZoneInfo("Asia/Seoul")
UNRESERVED = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def night(day=TODAY, status="complete", **summary):
    return {"run_date": day, "status": status, "summary": summary, "total": 100, "unprocessed": 0}


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_id_is_one_path_segment_that_no_router_alters_and_comes_back_as_it_was(name):
    written = segment(name)

    assert set(written) <= UNRESERVED
    assert written not in {".", ".."}
    assert name_of(written) == name


def test_an_ordinary_id_stands_in_the_address_as_it_is():
    assert segment("PRD-00001") == "PRD-00001"
    assert name_of("a b+c:d") == "a b+c:d"


@pytest.mark.parametrize(
    ("base", "link"),
    [
        ("https://airflow.example", "https://airflow.example/plugin/stock/stock-sync/reviews"),
        ("https://example/team/airflow/", "https://example/team/airflow/plugin/stock/team/airflow/stock-sync/reviews"),
        ("", ""),
    ],
)
def test_a_link_leads_through_the_ui_also_below_a_path_and_nowhere_if_nobody_said_where_it_is(base, link):
    assert deep_link(base, "reviews") == link


@pytest.mark.parametrize(
    ("nights", "awake", "critical", "mood", "says"),
    [
        ([], 0, 0, Mood.ATTENTION, "none"),
        ([night()], 0, 0, Mood.GOOD, "good"),
        ([night()], 3, 0, Mood.ATTENTION, "open"),
        ([night()], 3, 1, Mood.BAD, "critical"),
        ([night(status="partial")], 3, 1, Mood.BAD, "partial"),
        ([night(status="failed")], 0, 0, Mood.BAD, "failed"),
        ([night(mass_loss=True)], 0, 0, Mood.BAD, "mass_loss"),
        ([night(empty_cache=True)], 0, 0, Mood.BAD, "mass_loss"),
        ([night(TODAY - timedelta(days=1))], 0, 0, Mood.BAD, "late"),
    ],
)
def test_the_worst_is_said_first(nights, awake, critical, mood, says):
    told = headline(nights, awake, critical, TODAY)

    assert (told.mood, told.says) == (mood, says)


def test_a_night_is_only_missed_when_its_run_should_have_ended():
    limit = timedelta(minutes=40)

    assert due(datetime(2026, 11, 25, 2, 39, tzinfo=SEOUL), limit) == TODAY - timedelta(days=1)
    assert due(datetime(2026, 11, 25, 2, 40, tzinfo=SEOUL), limit) == TODAY


def test_nights_without_a_run_keep_their_place_and_bars_add_up():
    nights = [night(by_severity={"LOW": 6, "CRITICAL": 2}), night(TODAY - timedelta(days=2), by_severity={"HIGH": 4})]

    drawn = bars.bars(nights, TODAY, 3, 300, 100)

    assert [(bar.x, bar.count, bar.night is None) for bar in drawn] == [(0, 4, False), (100, 0, True), (200, 8, False)]
    assert [(piece.severity, piece.y, piece.height) for piece in drawn[2].pieces] == [
        ("LOW", 25, 75),
        ("CRITICAL", 0, 25),
    ]


def test_a_line_goes_from_left_to_right_with_the_largest_at_the_top():
    assert bars.line([1, 3, 2], 100, 10) == "0.0,10.0 50.0,0.0 100.0,5.0"
    assert bars.line([2, 2], 100, 10) == "0.0,10.0 100.0,10.0"


def test_the_page_says_the_same_things_in_every_language():
    first, *others = ({f"{t}.{k}" for t in texts(each) for k in texts(each)[t]} for each in LANGUAGES)

    assert [first ^ other for other in others] == [set()]


@pytest.mark.parametrize(
    ("cookie", "accepted", "language"),
    [
        (None, "", "ko"),
        ("en", "ko", "en"),
        (None, "en-US,en;q=0.9,ko;q=0.8", "en"),
        (None, "fr,ko;q=0.8", "ko"),
        ("<script>", "fr", "ko"),
    ],
)
def test_the_uis_language_comes_before_the_browsers_and_that_before_the_settings(cookie, accepted, language):
    assert language_of(cookie, accepted, "ko") == language


@pytest.mark.parametrize(
    ("difference", "said"), [(-260, "260개 초과 판매 위험"), (80, "80개 못 파는 중"), (0, "차이 없음")]
)
def test_a_difference_is_told_by_what_it_does_to_the_shop(difference, said):
    words = PageWords("ko", SEOUL, datetime(2026, 11, 25, tzinfo=UTC))

    assert words.risk(difference) == said
