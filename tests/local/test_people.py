"""What the demo expects people to be told: titles, counts and products."""

import re
from dataclasses import replace
from importlib.resources import files

import pytest

from local.demo.catalogue import Counter, Product
from local.demo.expectation import expect
from local.demo.people import TITLES, Manner, Told, check_pagerduty, check_report, check_slack
from local.demo.scenarios import check_scenarios

SUMMARY = {"run_id": "run-1", "date": "2024-01-15"}


def product(name, stock, cached):
    return Product(name, "a mug", stock, Counter(b"%d" % cached))


def told(*products, manner=None):
    return Told(expect(products), SUMMARY, manner or Manner())


def posted(text, channel="#stock-alerts", shown=None):
    blocks = [{"type": "section", "text": {"type": "plain_text", "text": text if shown is None else shown}}]
    return {"channel": channel, "text": text, "blocks": blocks}


def written(due):
    """A text with what is due, and words around it."""
    return f"{due.title}\n" + "".join(f"- 그건 {fact}개 (\n" for fact in due.facts)


def events(night, **change):
    payload = {"severity": "critical"}
    came = [
        {"event_action": "trigger", "dedup_key": key, "payload": payload | {"custom_details": details}}
        for key, details in night.incidents().items()
    ]
    return [event | change for event in came]


def failed(checks):
    return {check.what: check.differences for check in checks if not check.passed}


RIGHT = product("PRD-900", 1, 1)
NIGHT = told(product("PRD-001", 1100, 20), product("PRD-002", 30, 60), product("PRD-123", 8, 3), RIGHT)
SLACK = [posted(written(due)) for due in NIGHT.messages()]
REPORT = written(NIGHT.report())
EACH = "each of them has its title, its counts and its products"


@pytest.mark.parametrize("locale", ["ko", "en"])
def test_the_titles_are_those_of_the_product(locale):
    templates = files("stocksync") / "messages" / locale
    for kind, title in TITLES[locale].items():
        words = re.sub(r"{{.*?}}|{%.*?%}", "", (templates / f"{kind}.j2").read_text(encoding="utf-8"))
        assert any(line.startswith(title) for line in words.splitlines()), kind


def test_each_message_has_its_products_and_numbers():
    assert [due.facts for due in NIGHT.messages()] == [
        ("PRD-001", "1,100", "20", "1,080", "@backend-team"),
        ("1", "PRD-002", "30", "30", "60", "@backend-team"),
        ("1", "1", "5", "PRD-123"),
    ]


def test_the_report_has_the_numbers_of_the_specification():
    right = [product(f"PRD-{number:05}", 5, 5) for number in range(9985)]
    small = [product(f"PRX-{number}", 8, 7) for number in range(14)]
    facts = told(product("PRD-001", 100, 85), *small, *right).report().facts
    assert facts[:6] == ("2024-01-15", "10,000", "9,985", "99.85%", "15", "0.15%")
    assert facts[6:12] == ("14", "1", "PRD-001", "15", "1.93", "0")
    assert facts[12:16] == ("PRX-0", "1", "8", "7")
    assert facts[-3:] == ("PRD-001", "100", "85")  # looked at again


@pytest.mark.parametrize(("urgent", "messages", "incidents"), [(10, 10, 10), (11, 11, 11), (25, 11, 11)])
def test_people_are_not_flooded(urgent, messages, incidents):
    flood = told(*(product(f"PRD-{number:03}", 500 + number, 0) for number in range(urgent)))
    assert (len(flood.messages()), len(flood.incidents())) == (messages, incidents)
    if urgent > 10:
        assert flood.messages()[-1].facts[0] == str(urgent - 10)
        assert flood.incidents()["stock-sync/more/run:run-1"]["count"] == urgent - 10


def test_a_long_list_is_cut_and_counts_the_rest():
    (due,) = told(*(product(f"PRD-{number:03}", 100, 60) for number in range(23))).messages()
    assert due.facts[-6:] == ("PRD-019", "40", "100", "60", "3", "@backend-team")


def test_settings_say_how_people_are_spoken_to():
    manner = Manner.from_environment({"STOCK_SYNC_LOCALE": "en", "STOCK_SYNC_SLACK_MENTION": "@ops"})
    assert manner == Manner("en", "#stock-alerts", "@ops")
    (due, *_) = told(product("A", 100, 0), manner=manner).messages()
    assert (due.title, due.facts[-1]) == ("🚨 [Urgent] Severe stock discrepancy found", "@ops")
    assert Manner.from_environment({"STOCK_SYNC_LOCALE": ""}) == Manner()


def test_what_should_be_told_passes():
    assert failed(check_slack([*SLACK, posted(REPORT)], NIGHT)) == {}
    assert failed(check_pagerduty(events(NIGHT), NIGHT)) == {}
    assert failed(check_report(REPORT, [*SLACK, posted(REPORT)], NIGHT)) == {}
    assert failed(check_report(REPORT, None, NIGHT)) == {}


@pytest.mark.parametrize("wrong", ["PRD-0010", "XPRD-001", "PRD-001-2"])
def test_a_product_with_a_longer_name_is_another_one(wrong):
    assert EACH in failed(check_slack([posted(SLACK[0]["text"].replace("PRD-001", wrong)), *SLACK[1:]], NIGHT))


@pytest.mark.parametrize("wrong", ["2,020", "20,000", "-20", "20.5", "200"])
def test_a_number_that_goes_on_is_another_one(wrong):
    assert EACH in failed(check_slack([posted(SLACK[0]["text"].replace(" 20개", f" {wrong}개")), *SLACK[1:]], NIGHT))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda said: said[1:], EACH),
        (lambda said: [said[0], *said], EACH),
        (lambda said: [said[0], said[2]], EACH),
        (lambda said: [*said, posted("hello")], EACH),
        (lambda said: [*said, posted("hello")], "3 Slack messages about the run, 20 at most"),
        (
            lambda said: [*said[1:], said[0] | {"channel": "#random"}],
            "every message is in #stock-alerts and shows what its plain text says",
        ),
        (
            lambda said: [*said[:-1], posted(said[-1]["text"], shown="something else")],
            "every message is in #stock-alerts and shows what its plain text says",
        ),
    ],
)
def test_slack_messages_that_are_wrong_are_told(change, complaint):
    assert complaint in failed(check_slack(change(SLACK), NIGHT))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"payload": {"severity": "warning"}}, "severity is 'warning', should be 'critical'"),
        ({"payload": {"custom_details": {"db": 7}}}, "stock-sync/product/PRD-001: db is 7, should be 1100"),
        ({"event_action": "resolve"}, "missing: trigger stock-sync/product/PRD-001"),
        ({"dedup_key": "x"}, "unexpected: trigger x"),
    ],
)
def test_an_incident_that_is_wrong_is_told(change, complaint):
    said = failed(check_pagerduty(events(NIGHT, **change), NIGHT)).values()
    assert complaint in " ".join(each for differences in said for each in differences)


def test_a_report_that_lacks_a_number_or_was_not_posted_is_told():
    lacking = REPORT.replace("1,080", "1,081")
    [said] = failed(check_report(lacking, [posted(lacking)], NIGHT)).values()
    assert said == ("it lacks 1,080",)
    once = "what was reported was posted to Slack as it is, once"
    assert once in failed(check_report(REPORT, SLACK, NIGHT))
    assert once in failed(check_report(REPORT, [posted(REPORT), posted(REPORT)], NIGHT))
    assert once in failed(check_report(REPORT, [posted(f"{REPORT}.")], NIGHT))


def test_the_two_scenarios_are_looked_for_by_their_stories():
    small = replace(product("PRD-7", 5, 4), story="lost in a Redis restart (scenario 1)")
    large = replace(product("PRD-1", 100, 20), story="stock given back wrongly (scenario 2)")
    found = expect([small, large]).alerts
    both = told(small, large)
    slack, called = [posted(f"ID: {due.facts[0]}") for due in both.messages()], events(both)
    assert failed(check_scenarios([small, large], found, slack, called)) == {}
    assert failed(check_scenarios([small, large], found, None, None)) == {}
    first, second = check_scenarios([small, large], [], [], [])
    assert first.differences == ("PRD-7: None",)
    assert second.differences == ("PRD-1: None", "PRD-1: no Slack message names it", "PRD-1: nobody was called")
