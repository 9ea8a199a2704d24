"""Telling Slack about one group of events."""

import logging

from stocksync.delivery_ports import DeliveryMemory, Notifier, Sent
from stocksync.domain.bundle import Bundle
from stocksync.domain.notice import Message
from stocksync.domain.routing import MESSAGES_A_RUN, URGENT_A_RUN, Group
from stocksync.domain.text import printable
from stocksync.errors import MessageRefused
from stocksync.services.alert_texts import AlertTexts

log = logging.getLogger(__name__)


class SlackTeller:
    """Posts what people must know first, and remembers each message as soon as Slack has accepted it.

    A worker that dies between the two repeats one message; nothing else is ever repeated.

    Args:
        notifier: the chat
        memory: what it was told
        texts: the messages
    """

    def __init__(self, notifier: Notifier, memory: DeliveryMemory, texts: AlertTexts) -> None:
        self._notifier = notifier
        self._memory = memory
        self._texts = texts

    def tell(self, group: Group, bundle: Bundle) -> list[MessageRefused]:
        """Tell everything in the bundle; return what Slack will not take.

        Raises:
            ChannelDown, ChannelRefuses: Slack takes no messages at all.
        """
        budget = _Budget(self, group, self._sent_before(group))
        shown, rest = bundle.urgent.split(URGENT_A_RUN - budget.sent.urgent)
        for entry in shown:
            budget.post(self._texts.urgent(entry), entry.token, urgent=1)
        if rest.count:
            budget.post(self._texts.urgent_rest(rest, bundle.urgent.latest), rest.tokens, counted=rest.count)
        if bundle.review.count:
            budget.post(self._texts.review(bundle.review), bundle.review.tokens)
        if bundle.restored.count:
            budget.post(self._texts.digest(bundle.restored), bundle.restored.tokens)
        return budget.refused

    def _sent_before(self, group: Group) -> Sent:
        # The limits are a run's. Events without a run come all day long, so each pass has its own.
        return Sent() if group.run_id is None else self._memory.sent(group.key)

    def post(self, message: Message) -> None:
        """Post one message."""
        self._notifier.post(message)

    def remember(self, group: Group, tokens: bytes, sent: Sent) -> None:
        """Note what was told."""
        self._memory.remember(group.key, tokens, sent)


class _Budget:
    """The messages a group has left."""

    def __init__(self, teller: SlackTeller, group: Group, sent: Sent) -> None:
        self._teller = teller
        self._group = group
        self.sent = sent
        self.refused: list[MessageRefused] = []

    def post(self, message: Message, tokens: bytes, *, urgent: int = 0, counted: int = 0) -> None:
        """Post and remember, or say in the log that there were messages enough."""
        if self.sent.messages >= MESSAGES_A_RUN:
            log.error(
                "%s: Slack got %d messages about this run, so this one is only written here: %s",
                printable(self._group.key, 260),
                self.sent.messages,
                " / ".join(message.body.splitlines()),
            )
            self._teller.remember(self._group, tokens, Sent())
            return
        try:
            self._teller.post(message)
        except MessageRefused as error:
            self.refused.append(error)
            return
        told = Sent(messages=1, urgent=urgent, counted=counted)
        self._teller.remember(self._group, tokens, told)
        self.sent += told
