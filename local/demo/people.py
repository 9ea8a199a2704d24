"""Hold what reached people against what should have been found: titles, counts and ids.

The words around them are held by tests/unit/test_alert_texts.py and tests/unit/test_report.py.
"""

import os
import re
from collections import Counter as Tally
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.demo.checks import Check, first_few
from local.demo.expectation import Expectation
from local.standins.slack import as_read

MESSAGES_AT_MOST = 20
URGENT_AT_MOST = 10
LISTED_AT_MOST = 20
TOP = 10
TITLES = {
    "ko": {
        "urgent": "🚨 [긴급] 재고 심각한 불일치 발견",
        "urgent_rest": "🚨 [긴급] 재고 심각한 불일치: 그 외",
        "review": "⚠️ [재고 동기화] 수동 검토 요청",
        "digest": "[재고 동기화] 자동 복원 완료",
        "report": "=== 재고 동기화 일일 리포트 ===",
    },
    "en": {
        "urgent": "🚨 [Urgent] Severe stock discrepancy found",
        "urgent_rest": "🚨 [Urgent] Severe stock discrepancies:",
        "review": "⚠️ [Stock sync] Manual review requested",
        "digest": "[Stock sync] Automatic restore complete",
        "report": "=== Daily stock sync report ===",
    },
}
Alert = Mapping[str, Any]


@dataclass(frozen=True)
class Manner:
    """How people are spoken to, from the same settings the product reads.

    Attributes:
        locale: the language, ko or en.
        channel: where Slack messages go.
        mention: whom a message about a large difference names.
    """

    locale: str = "ko"
    channel: str = "#stock-alerts"
    mention: str = "@backend-team"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Manner":
        """Read the settings; an empty one counts as not set."""
        return cls(
            locale=environment.get("STOCK_SYNC_LOCALE") or cls.locale,
            channel=environment.get("STOCK_SYNC_SLACK_CHANNEL") or cls.channel,
            mention=environment.get("STOCK_SYNC_SLACK_MENTION") or cls.mention,
        )


@dataclass(frozen=True)
class Due:
    """A text that is due.

    Attributes:
        title: what it begins with.
        facts: the numbers and names it holds, in this order.
    """

    title: str
    facts: tuple[str, ...]

    def missing(self, text: str) -> list[str]:
        """Return what a text lacks of it, in order; nothing if it is this one."""
        if not text.startswith(self.title):
            return [self.title]
        rest, absent = text.removeprefix(self.title), []
        for fact in self.facts:
            # A whole number or name: neither part of a longer one nor of a number that goes on.
            found = re.search(rf"(?<![A-Za-z0-9,.-]){re.escape(fact)}(?![A-Za-z0-9-]|[,.][0-9])", rest)
            if found:
                rest = rest[found.end() :]
            else:
                absent.append(fact)
        return absent


class Told:
    """What people should have been told of a night.

    Args:
        expected: what should have been found.
        summary: what the run said of itself; only its id and date are taken from there.
        manner: how people are spoken to.
    """

    def __init__(self, expected: Expectation, summary: Mapping[str, Any], manner: Manner) -> None:
        self.manner = manner
        self.titles = TITLES[manner.locale]
        self._run_id, self._date = summary["run_id"], summary["date"]
        self._summary = expected.summary
        ranked = sorted(expected.alerts, key=lambda alert: (-abs(alert["discrepancy"]), alert["productId"]))
        self._top = ranked[:TOP]
        self._restored = [alert for alert in ranked if alert["action"] == "REDIS_RESTORED"]
        self._review = [alert for alert in ranked if alert["severity"] == "HIGH"]
        urgent = [alert for alert in ranked if alert["severity"] == "CRITICAL"]
        self._urgent, self._rest = urgent[:URGENT_AT_MOST], urgent[URGENT_AT_MOST:]

    def messages(self) -> list[Due]:
        """Return the Slack messages about the run."""
        return list(self._messages())

    def report(self) -> Due:
        """Return the daily report."""
        summary, severities = self._summary, self._summary["by_severity"]
        different, total = sum(severities.values()), max(summary["total"], 1)
        manual = [alert for alert in self._top if alert["action"] == "MANUAL_REVIEW_REQUIRED"]
        facts: list[object] = [self._date, summary["total"]]
        facts += [summary["matched"], f"{summary['matched'] / total:.2%}", different, f"{different / total:.2%}"]
        missing = summary["missing_keys"]
        facts += [missing, f"{missing / total:.2%}"] if missing else []
        facts += [summary["invalid"]] if summary["invalid"] else []
        facts += [summary["restored"], summary["manual_review"]]
        facts += [fact for alert in manual for fact in (alert["productId"], abs(alert["discrepancy"]))]
        facts += [summary["manual_review"] - len(manual)] if summary["manual_review"] > len(manual) else []
        facts += [f"{summary['mean_discrepancy']:g}", severities["CRITICAL"]]
        facts += [fact for alert in self._top if alert not in manual for fact in _numbers(alert)]
        # They are looked at again, and nobody has put them right in the meantime.
        facts += [fact for alert in manual for fact in (alert["productId"], alert["dbStock"], alert["redisStock"])]
        return self._due("report", *facts)

    def incidents(self) -> dict[str, dict[str, Any]]:
        """Return, by dedup key, the details that the incidents for PagerDuty hold."""
        called = {
            f"stock-sync/product/{alert['productId']}": {
                "product": alert["productId"],
                "db": alert["dbStock"],
                "redis": alert["redisStock"],
                "discrepancy": alert["discrepancy"],
            }
            for alert in self._urgent
        }
        if self._rest:
            called[f"stock-sync/more/run:{self._run_id}"] = {"count": len(self._rest), "date": self._date}
        return {key: details | {"run": self._run_id} for key, details in called.items()}

    def _messages(self) -> Iterator[Due]:
        for alert in self._urgent:
            product_id, size, db, redis = _numbers(alert)
            yield self._due("urgent", product_id, db, redis, size, self.manner.mention)
        if self._rest:
            yield self._due("urgent_rest", *_count_and_largest(self._rest), self.manner.mention)
        if self._review:
            listed, more = self._review[:LISTED_AT_MOST], len(self._review) - LISTED_AT_MOST
            lines = [fact for alert in listed for fact in _numbers(alert)]
            yield self._due("review", len(self._review), *lines, *([more] if more > 0 else []), self.manner.mention)
        if self._restored:
            yield self._due("digest", len(self._restored), *_count_and_largest(self._restored))

    def _due(self, kind: str, *facts: object) -> Due:
        return Due(self.titles[kind], tuple(f"{fact:,}" if isinstance(fact, int) else str(fact) for fact in facts))


def check_slack(posted: Sequence[Mapping[str, Any]], told: Told) -> list[Check]:
    """Check that Slack got every message that was due, and no other; reports are left to `check_report`."""
    texts = [text for text in map(as_read, posted) if not text.startswith(told.titles["report"])]
    due = told.messages()
    number = [] if len(texts) == len(due) <= MESSAGES_AT_MOST else [f"{len(texts)} came"]
    unlike = []
    for message in due:
        same = next((text for text in texts if not message.missing(text)), None)
        if same is None:
            unlike.append(f"missing: {' '.join((message.title, *message.facts))}")
        else:
            texts.remove(same)
    unlike += [f"unexpected: {_in_a_line(text)}" for text in texts]
    return [
        Check(f"{len(due)} Slack messages about the run, {MESSAGES_AT_MOST} at most", tuple(number)),
        Check("each of them has its title, its counts and its products", first_few(unlike)),
        _check_form(posted, told),
    ]


def check_report(report: str, posted: Sequence[Mapping[str, Any]] | None, told: Told) -> list[Check]:
    """Check the numbers of the report, and that it was posted.

    Args:
        report: what the DAG returned.
        posted: what Slack got; None: nobody can tell.
        told: what should be said.
    """
    lacks = [f"it lacks {fact}" for fact in told.report().missing(report)]
    checks = [Check("the report has the counts and the products that the data should give", first_few(lacks))]
    if posted is not None:
        came = [text for text in map(as_read, posted) if text.startswith(told.titles["report"])]
        wrong = () if came == [report] else (f"{len(came)} reports came, or not as it was written",)
        checks.append(Check("what was reported was posted to Slack as it is, once", wrong))
    return checks


def check_pagerduty(events: Sequence[Mapping[str, Any]], told: Told) -> list[Check]:
    """Check that PagerDuty got one incident a product with its key, severity and details, and no other."""
    due = told.incidents()
    wanted = Tally(f"trigger {key}" for key in due)
    came = Tally(f"{event['event_action']} {event['dedup_key']}" for event in events)
    keys = [f"missing: {each}" for each in wanted - came] + [f"unexpected: {each}" for each in came - wanted]
    details = []
    for event in events:
        payload, key = event.get("payload", {}), event["dedup_key"]
        found = {"severity": payload.get("severity")} | payload.get("custom_details", {})
        for name, value in ({"severity": "critical"} | due.get(key, {})).items():
            if found.get(name) != value:
                details.append(f"{key}: {name} is {found.get(name)!r}, should be {value!r}")
    return [
        Check(f"{len(due)} PagerDuty incidents, each with the key of its product", first_few(keys)),
        Check("each of them critical, with its numbers and its run", first_few(details)),
    ]


def _check_form(posted: Sequence[Mapping[str, Any]], told: Told) -> Check:
    """Check that each message is in the channel, and that what Slack shows is what it says in a notification."""
    wrong = [f"posted to {each['channel']}" for each in posted if each["channel"] != told.manner.channel]
    for message in posted:
        shown = "\n".join(block["text"]["text"] for block in message.get("blocks", []) if "text" in block)
        if _lines(shown) != _lines(message["text"]):
            wrong.append(f"shows something else than it says: {_in_a_line(as_read(message))}")
    return Check(f"every message is in {told.manner.channel} and shows what its plain text says", first_few(wrong))


def _numbers(alert: Alert) -> tuple[str, int, int, int]:
    """Return the id, the size of the difference, and both stocks: as a line of a list has them."""
    return alert["productId"], abs(alert["discrepancy"]), alert["dbStock"], alert["redisStock"]


def _count_and_largest(ranked: Sequence[Alert]) -> tuple[int, int, str]:
    return len(ranked), abs(ranked[0]["discrepancy"]), ranked[0]["productId"]


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


def _in_a_line(text: str) -> str:
    return " / ".join(_lines(text))
