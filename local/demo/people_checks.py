"""Hold what reached people against what should have been told."""

from collections import Counter as Tally
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from local.demo.checks import Check, first_few
from local.demo.morning import Reports
from local.demo.night import Night
from local.demo.people import MESSAGES_AT_MOST, Told
from local.standins.slack import as_read

KINDS = {
    "urgent": "{n} urgent messages, one a product",
    "urgent_rest": "{n} message that counts the other urgent products",
    "review": "{n} list of what a person should look at, line by line",
    "digest": "{n} digest of what was restored, line by line",
}


def check_slack(posted: Sequence[Mapping[str, Any]], told: Told) -> list[Check]:
    """Check that Slack got every message that was due, and no other; reports are left to `check_report`."""
    titles = told.manner.wording.titles
    due = told.messages()
    texts = [text for text in map(as_read, posted) if not text.startswith(titles["report"])]
    number = [] if len(texts) == len(due) <= MESSAGES_AT_MOST else [f"{len(texts)} came"]
    checks = [Check(f"{len(due)} Slack messages about the run, {MESSAGES_AT_MOST} at most", tuple(number))]
    for kind, what in KINDS.items():
        wanted, came = _beginning(due, titles[kind]), _beginning(texts, titles[kind])
        if wanted or came:
            checks.append(Check(what.format(n=len(wanted)), first_few(_unlike(wanted, came))))
    strange = [text for text in texts if not text.startswith(tuple(titles.values()))]
    checks.append(Check("nothing else was said about it", first_few([f"said: {_in_a_line(text)}" for text in strange])))
    return [*checks, _check_form(posted, told)]


def check_report(reports: Reports, night: Night, posted: Sequence[Mapping[str, Any]] | None, told: Told) -> list[Check]:
    """Check today's report line by line, that yesterday's says why it has no such numbers, and that both were posted.

    Args:
        reports: what the DAG returned.
        night: what the reports are about.
        posted: what Slack got; None: nobody can tell.
        told: what should be said.
    """
    due = told.report(night.before)
    checks = [
        Check("the report says what the data should give, line by line", first_few(_unlike([due], [reports.today])))
    ]
    if reports.before is not None:
        fact = "DRY RUN" if night.before else "NO RUN"
        said = () if fact in reports.before else (f"it says: {_in_a_line(reports.before)}",)
        checks.append(Check(f"yesterday's report says {fact} at the top", said))
    if posted is not None:
        written = [text for text in (reports.before, reports.today) if text is not None]
        came = _beginning([as_read(message) for message in posted], told.manner.wording.titles["report"])
        checks.append(Check("what was reported was posted to Slack as it is", first_few(_unlike(written, came))))
    return checks


def check_pagerduty(events: Sequence[Mapping[str, Any]], told: Told) -> list[Check]:
    """Check that PagerDuty got one incident a product with its key, severity and details, and no other."""
    due = told.incidents()
    came = [_flat(event) for event in events]
    keys = _tally(lambda event: f"{event['event_action']} {event['dedup_key']}", due, came)
    by_key = {event["dedup_key"]: event for event in came}
    details = [
        f"{wanted['dedup_key']}: {name} is {found.get(name)!r}, should be {value!r}"
        for wanted in due
        if (found := by_key.get(wanted["dedup_key"]))
        for name, value in wanted.items()
        if found.get(name) != value
    ]
    return [
        Check(f"{len(due)} PagerDuty incidents, each with the key of its product", first_few(keys)),
        Check("each of them critical, with its numbers and its run", first_few(details)),
    ]


def _flat(event: Mapping[str, Any]) -> dict[str, Any]:
    payload = event.get("payload", {})
    head = {name: event.get(name) for name in ("event_action", "dedup_key")}
    return head | {name: payload.get(name) for name in ("severity", "summary", "custom_details")}


def _check_form(posted: Sequence[Mapping[str, Any]], told: Told) -> Check:
    """Check that each message is in the channel, and that what Slack shows is what it says in a notification."""
    wrong = [f"posted to {each['channel']}" for each in posted if each["channel"] != told.manner.channel]
    for message in posted:
        shown = "\n".join(block["text"]["text"] for block in message.get("blocks", []))
        if _lines(shown) != _lines(message["text"]):
            wrong.append(f"shows something else than it says: {_in_a_line(as_read(message))}")
    return Check(f"every message is in {told.manner.channel} and shows what its plain text says", first_few(wrong))


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


def _beginning(texts: Sequence[str], title: str) -> list[str]:
    return [text for text in texts if text.startswith(title)]


def _unlike(wanted: Sequence[str], came: Sequence[str]) -> list[str]:
    """Say how texts differ, line by line where one has come in another's place."""
    missing, extra = Tally(wanted) - Tally(came), Tally(came) - Tally(wanted)
    said: list[str] = []
    for should_be, is_ in zip_longest(sorted(missing.elements()), sorted(extra.elements())):
        if is_ is None:
            said.append(f"missing: {_in_a_line(should_be)}")
        elif should_be is None:
            said.append(f"unexpected: {_in_a_line(is_)}")
        else:
            pairs = zip_longest(is_.splitlines(), should_be.splitlines(), fillvalue="")
            said += [
                f"line {n} is {found!r}, should be {due!r}" for n, (found, due) in enumerate(pairs, 1) if found != due
            ]
    return said


def _tally(
    name: Callable[[Mapping[str, Any]], str], wanted: Sequence[Mapping[str, Any]], came: Sequence[Mapping[str, Any]]
) -> list[str]:
    due, found = Tally(map(name, wanted)), Tally(map(name, came))
    return [f"missing: {each}" for each in due - found] + [f"unexpected: {each}" for each in found - due]


def _in_a_line(text: str) -> str:
    return " / ".join(_lines(text))
