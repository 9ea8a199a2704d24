"""What people should be told of a night, worked out from what should have been found and the plain rules.

It shares no line with the product, so that one can be held against the other.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local.demo.expectation import Expectation
from local.demo.night import ZONE
from local.demo.wording import KOREAN, LANGUAGES, Wording

MESSAGES_AT_MOST = 20
URGENT_AT_MOST = 10
LISTED_AT_MOST = 20
TOP = 10
Alert = Mapping[str, Any]


@dataclass(frozen=True)
class Manner:
    """How people are spoken to, from the same settings the product reads.

    Attributes:
        wording: the language.
        channel: where Slack messages go.
        mention: whom a message about a large difference names.
    """

    wording: Wording = KOREAN
    channel: str = "#stock-alerts"
    mention: str = "@backend-team"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Manner":
        """Read the settings; an empty one counts as not set."""
        return cls(
            wording=LANGUAGES.get(environment.get("STOCK_SYNC_LOCALE", ""), KOREAN),
            channel=environment.get("STOCK_SYNC_SLACK_CHANNEL") or cls.channel,
            mention=environment.get("STOCK_SYNC_SLACK_MENTION") or cls.mention,
        )


@dataclass(frozen=True)
class Clock:
    """What only the clock and the scheduler can say of a night.

    Attributes:
        run_id: Airflow's name of the run.
        date: the run's date in Seoul.
        finished: the instant of its end.
        seconds: how long it took.
        detected: when each difference was found, by product, milliseconds since 1970.
    """

    run_id: str
    date: str
    finished: datetime
    seconds: float
    detected: Mapping[str, int]

    @classmethod
    def of(cls, summary: Mapping[str, Any], events: Sequence[Alert]) -> "Clock":
        """Read a run's summary and its events."""
        finished = datetime.fromisoformat(summary["finished_at"])
        detected = {event["productId"]: event["detectedAt"] for event in events}
        return cls(summary["run_id"], summary["date"], finished, summary["duration_seconds"], detected)

    def latest(self, alerts: Sequence[Alert]) -> str:
        """When the last of them was found, as people read it; 1970 if no event told."""
        moment = max(self.detected.get(alert["productId"], 0) for alert in alerts) / 1000
        return datetime.fromtimestamp(moment, UTC).astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S")


class Told:
    """What people should have been told.

    Args:
        expected: what should have been found.
        clock: when.
        manner: in which words.
    """

    def __init__(self, expected: Expectation, clock: Clock, manner: Manner) -> None:
        self._clock = clock
        self.manner = manner
        self._words = manner.wording
        self._summary = expected.summary
        ranked = sorted(expected.alerts, key=lambda alert: (-abs(alert["discrepancy"]), alert["productId"]))
        self._top = list(enumerate(ranked[:TOP], 1))
        self._restored = [alert for alert in ranked if alert["action"] == "REDIS_RESTORED"]
        self._review = [alert for alert in ranked if alert["severity"] == "HIGH"]
        urgent = [alert for alert in ranked if alert["severity"] == "CRITICAL"]
        self.urgent, self._rest = urgent[:URGENT_AT_MOST], urgent[URGENT_AT_MOST:]

    def messages(self) -> list[str]:
        """Return the Slack messages about the run, in order."""
        mention = self._words.mention.format(mention=self.manner.mention)
        said = [f"{self._say(self._words.urgent, [alert])}\n{mention}" for alert in self.urgent]
        if self._rest:
            said.append(f"{self._say(self._words.urgent_rest, self._rest)}\n{mention}")
        if self._review:
            said.append(f"{self._list()}\n{mention}")
        if self._restored:
            said.append(self._say(self._words.digest, self._restored))
        return said

    def incidents(self) -> list[dict[str, Any]]:
        """Return the events for PagerDuty, in order."""
        called = [
            self._incident(
                f"product/{alert['productId']}",
                self._say(self._words.incident, [alert]),
                product=alert["productId"],
                db=alert["dbStock"],
                redis=alert["redisStock"],
                discrepancy=alert["discrepancy"],
                date=self._clock.latest([alert]),
            )
            for alert in self.urgent
        ]
        if self._rest:
            summary = self._say(self._words.incident_rest, self._rest)
            key = f"more/run:{self._clock.run_id}"
            called.append(self._incident(key, summary, count=len(self._rest), date=self._clock.date))
        return called

    def report(self, before: Mapping[str, Any] | None = None) -> str:
        """Return the daily report; `before` is the summary of yesterday's run, if there was one."""
        words, summary, severities = self._words, self._summary, self._summary["by_severity"]
        different, total = sum(severities.values()), max(summary["total"], 1)
        shares = {"matched_share": summary["matched"] / total * 100, "different_share": different / total * 100}
        invalid = words.invalid.format(**summary) if summary["invalid"] else ""
        lines = [
            words.report.format(**summary, **shares, date=self._clock.date, different=different, invalid_line=invalid)
        ]
        attention = [self._line(words.attention_line, *item) for item in self._top if _is_manual(item[1])]
        lines += attention or [words.attention_none]
        if summary["manual_review"] > len(attention):
            lines.append(words.attention_rest.format(count=summary["manual_review"] - len(attention)))
        minutes, seconds = divmod(int(self._clock.seconds + 0.5), 60)
        finished = self._clock.finished.astimezone(ZONE).strftime("%H:%M:%S")
        lines.append(
            words.report_end.format(
                finished=finished,
                mean=summary["mean_discrepancy"],
                minutes=minutes,
                seconds=seconds,
                urgent=severities["CRITICAL"],
            )
        )
        if before is not None:
            earlier = before["restored"] + before["manual_review"]
            lines.append(words.change.format(change=different - earlier, before=earlier))
        if different:
            lines += [words.top_title, *(self._line(words.top_line, *item) for item in self._top)]
        return "\n".join(lines)

    def _say(self, text: str, alerts: Sequence[Alert]) -> str:
        return self._line(text, 1, alerts[0], at=self._clock.latest(alerts), count=len(alerts))

    def _list(self) -> str:
        words, shown = self._words, self._review[:LISTED_AT_MOST]
        lines = [self._say(words.review, self._review)]
        lines += [self._line(words.review_line, place, alert) for place, alert in enumerate(shown, 1)]
        if len(self._review) > len(shown):
            lines.append(words.review_rest.format(count=len(self._review) - len(shown)))
        return "\n".join([*lines, words.review_end])

    def _line(self, text: str, place: int, alert: Alert, **more: object) -> str:
        return text.format(
            place=place,
            id=alert["productId"],
            size=abs(alert["discrepancy"]),
            db=alert["dbStock"],
            redis=alert["redisStock"],
            action=self._words.actions[alert["action"]],
            **more,
        )

    def _incident(self, key: str, summary: str, **details: object) -> dict[str, Any]:
        return {
            "event_action": "trigger",
            "dedup_key": f"stock-sync/{key}",
            "severity": "critical",
            "summary": summary,
            "custom_details": {**details, "run": self._clock.run_id},
        }


def _is_manual(alert: Alert) -> bool:
    return bool(alert["action"] == "MANUAL_REVIEW_REQUIRED")
