"""The monitoring consumer as it is put together for a pass, between fakes."""

from stocksync.alerting.deliver import deliver
from stocksync.alerting.history import History
from stocksync.bootstrap import Bootstrap
from stocksync.model.run_scale import ORDINARY
from stocksync.settings import Settings
from tests.kit.fakes.clock import StoppedClock
from tests.kit.fakes.delivery import (
    DECODER,
    FakeDeadLetterLog,
    FakeDeadLetters,
    FakeDeliveryLog,
    FakeFindingsLog,
    FakeIncidents,
    FakeNotifier,
    FakePager,
    FakeTopic,
)
from tests.kit.findings import THAT_NIGHT, event

DIGEST = "[재고 동기화] 자동 복원 완료"
URGENT = "🚨 [긴급] 재고 심각한 불일치 발견"
REVIEW = "⚠️ [재고 동기화] 수동 검토 요청"


class DeliveryOnFakes:
    """Everything around the consumer; a pass of it is a new process each time."""

    def __init__(self):
        self.topic = FakeTopic()
        self.chat, self.pager = FakeNotifier(), FakePager()
        self.incidents, self.dead_letters = FakeIncidents(), FakeDeadLetters()
        self.delivery_logs = {"slack": FakeDeliveryLog(), "pagerduty": FakeDeliveryLog()}
        self.dead_letter_log = FakeDeadLetterLog()
        self.findings_log = FakeFindingsLog()

        self.clock = StoppedClock(THAT_NIGHT)
        self.decoder = DECODER
        self.publishing = set()
        self.scales = {}
        self.configured = ("pagerduty", "slack")

    def run(self):
        self.topic.restart()
        parts = ProgramAtTheOffice(self)
        channels = {
            "pagerduty": parts.pager_channel(self.pager),
            "slack": parts.slack_channel(self.chat),
        }
        consumer = parts.consumer(
            self.topic, self.configured, self.publishing.__contains__, lambda run_id: self.scales.get(run_id, ORDINARY)
        )
        return deliver(consumer, {name: channels[name] for name in self.configured})


class ProgramAtTheOffice(Bootstrap):
    """The program as it is put together for a pass, on fakes."""

    def __init__(self, office):
        super().__init__(None, Settings(), clock=office.clock)
        self._office = office

    def history(self):
        return History(self._office.findings_log)

    def delivery_log(self, channel):
        return self._office.delivery_logs[channel]

    def open_incidents(self):
        return self._office.incidents

    def decoder(self):
        return self._office.decoder

    def dead_letters(self):
        return self._office.dead_letters

    def dead_letter_log(self):
        return self._office.dead_letter_log


def low(name="PRD-1", **kwargs):
    return event(name, db=100, redis=97, **kwargs)


def high(name="PRD-2"):
    return event(name, db=100, redis=60)


def critical(name="PRD-3", **kwargs):
    return event(name, db=100, redis=20, **kwargs)
