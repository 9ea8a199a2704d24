"""Telling Slack about one group of events."""

import logging
from collections.abc import Callable
from dataclasses import replace

from stocksync.alerting.batch import AlertBatch
from stocksync.alerting.ports import Delivered, DeliveryLog, Notifier
from stocksync.alerting.routing import MESSAGES_A_RUN, URGENT_A_RUN, AlertGroup
from stocksync.alerting.texts import AlertTexts
from stocksync.errors import MessageRefused
from stocksync.model.notice import Message
from stocksync.model.text import printable

log = logging.getLogger(__name__)


class SlackChannel:
    """Posts what people must know first, and remembers each message as soon as Slack has accepted it.

    A worker that dies between the two repeats one message; nothing else is ever repeated.

    Args:
        notifier: the chat
        delivery_log: what it was told already
        texts: the messages
        changed: of a run, by its id: how many products it left alone because they kept changing, 0 if no more than
            is usual. The events know nothing of those, and a digest must not sound as if all were well
    """

    def __init__(
        self,
        notifier: Notifier,
        delivery_log: DeliveryLog,
        texts: AlertTexts,
        changed: Callable[[str], int] = lambda _run_id: 0,
    ) -> None:
        self._notifier = notifier
        self._delivery_log = delivery_log
        self._texts = texts
        self._changed = changed

    def tell(self, group: AlertGroup, batch: AlertBatch) -> list[MessageRefused]:
        """Tell everything in the batch; return what Slack will not take.

        Raises:
            ChannelDown, ChannelRefuses: Slack takes no messages at all.
        """
        talk = _Talk(group, self._notifier, self._delivery_log)
        urgent = batch.urgent
        shown, rest = urgent.split(URGENT_A_RUN - talk.delivered.urgent)
        for entry in shown:
            talk.say(self._texts.urgent(entry), entry.token, urgent=1)
        if rest.count:
            talk.say(self._texts.urgent_rest(rest, urgent.latest_ms), rest.tokens)
        if batch.review.count:
            talk.say(self._texts.review(batch.review), batch.review.tokens)
        if batch.restored.count:
            # There is a second digest where the next run publishes what a dead run left, or a run was cleared.
            changed = 0 if group.run_id is None else self._changed(group.run_id)
            digest = self._texts.digest(batch.restored, told=talk.delivered.restored, changed=changed)
            talk.say(digest, batch.restored.tokens, restored=batch.restored.count)
        return talk.refused


class _Talk:
    """Messages about one group, within the group's limit."""

    def __init__(self, group: AlertGroup, notifier: Notifier, delivery_log: DeliveryLog) -> None:
        self._group = group
        self._notifier = notifier
        self._delivery_log = delivery_log
        # The limits are a run's. Events without a run come all day long, so there each pass has its own.
        self.delivered = Delivered() if group.run_id is None else delivery_log.delivered(group.key)
        self.refused: list[MessageRefused] = []

    def say(self, message: Message, tokens: bytes, *, urgent: int = 0, restored: int = 0) -> None:
        """Post and remember, or say in the log that there were messages enough."""
        if self.delivered.messages >= MESSAGES_A_RUN:
            log.error(
                "%s: Slack got %d messages about it, so this one is only written here: %s",
                printable(self._group.key, 260),
                self.delivered.messages,
                " / ".join(message.body.splitlines()),
            )
        else:
            try:
                self._notifier.post(message)
            except MessageRefused as error:
                self.refused.append(error)
                return
            self.delivered = replace(
                self.delivered,
                messages=self.delivered.messages + 1,
                urgent=self.delivered.urgent + urgent,
                restored=self.delivered.restored + restored,
            )
        self._delivery_log.remember(self._group.key, tokens, self.delivered)
