"""Telling Slack what one pass found."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from stocksync.alerting.batch import AlertBatch, ListedEvent, Overflow
from stocksync.alerting.news import GroupNews, News
from stocksync.alerting.ports import Delivered, DeliveryLog, Notifier
from stocksync.alerting.routing import MESSAGES_A_RUN, URGENT_A_RUN, AlertGroup
from stocksync.alerting.texts import AlertTexts
from stocksync.errors import MessageRefused
from stocksync.model.notice import Message
from stocksync.model.text import printable

log = logging.getLogger(__name__)

_LISTS = 2  # of a pass's messages, for the runs that get a line only: those of days that are over, and those too many


@dataclass(frozen=True, slots=True)
class _Post:
    """A message, and what is remembered once Slack has taken it."""

    message: Message
    tokens: bytes
    urgent: int = 0
    restored: int = 0
    lost: int = 0
    many: int = 0


class SlackChannel:
    """Posts what people must know first, and remembers each message as soon as Slack has accepted it.

    A worker that dies between the two repeats one message; nothing else is ever repeated.

    Args:
        notifier: the chat
        delivery_log: what it was told already
        texts: the messages
    """

    def __init__(self, notifier: Notifier, delivery_log: DeliveryLog, texts: AlertTexts) -> None:
        self._notifier = notifier
        self._delivery_log = delivery_log
        self._texts = texts

    def tell(self, news: News) -> list[MessageRefused]:
        """Tell everything; return what Slack will not take.

        The limits of a run are a pass's too: runs whose messages do not fit any more get a line of one message.

        Raises:
            ChannelDown, ChannelRefuses: Slack takes no messages at all.
        """
        refused: list[MessageRefused] = []
        messages, urgent = MESSAGES_A_RUN - _LISTS, URGENT_A_RUN
        too_many: list[GroupNews] = []
        for group, batch in news.current:
            delivered = self._delivered(group)
            posts = list(self._posts(batch, delivered, urgent))
            needed = min(len(posts), MESSAGES_A_RUN - delivered.messages)
            if needed > messages:
                too_many.append((group, batch))
                continue
            messages -= needed
            urgent -= sum(post.urgent for post in posts)
            refused += self._say(group, posts, delivered)
        refused += self._list(too_many, over=False)
        refused += self._list(news.over, over=True)
        return refused

    def _posts(self, batch: AlertBatch, delivered: Delivered, urgent_left: int) -> Iterator[_Post]:
        """Write the messages about one group."""
        if lost := batch.lost.top.count:
            yield _Post(self._texts.lost(batch, told=delivered.lost), batch.lost.top.tokens, lost=lost)
        if many := batch.many.top.count:
            yield _Post(self._texts.many(batch, told=delivered.many), batch.many.top.tokens, many=many)
        shown: list[ListedEvent]
        rest: Overflow
        shown, rest = batch.urgent.split(min(urgent_left, URGENT_A_RUN - delivered.urgent))
        for entry in shown:
            yield _Post(self._texts.urgent(entry), entry.token, urgent=1)
        if rest.count:
            yield _Post(self._texts.urgent_rest(rest, batch.urgent.latest_ms), rest.tokens)
        if batch.review.count:
            yield _Post(self._texts.review(batch.review), batch.review.tokens)
        if batch.approved.count:
            yield _Post(self._texts.approved(batch.approved), batch.approved.tokens)
        if batch.restored.count:
            # There is a second digest where the next run publishes what a dead run left, or a run was cleared.
            # The events know nothing of what kept changing, and a digest must not sound as if all were well.
            digest = self._texts.digest(batch.restored, told=delivered.restored, changed=batch.scale.changed)
            yield _Post(digest, batch.restored.tokens, restored=batch.restored.count)

    def _say(self, group: AlertGroup, posts: Sequence[_Post], delivered: Delivered) -> Iterator[MessageRefused]:
        """Post and remember, or say in the log that there were messages enough; give what is refused."""
        for post in posts:
            if delivered.messages >= MESSAGES_A_RUN:
                log.error(
                    "%s: Slack got %d messages about it, so this one is only written here: %s",
                    printable(group.key, 260),
                    delivered.messages,
                    " / ".join(post.message.body.splitlines()),
                )
            else:
                try:
                    self._notifier.post(post.message)
                except MessageRefused as error:
                    yield error
                    continue
                delivered = replace(
                    delivered,
                    messages=delivered.messages + 1,
                    urgent=delivered.urgent + post.urgent,
                    restored=delivered.restored + post.restored,
                    lost=delivered.lost + post.lost,
                    many=delivered.many + post.many,
                )
            self._delivery_log.remember(group.key, post.tokens, delivered)

    def _list(self, groups: Sequence[GroupNews], *, over: bool) -> Iterator[MessageRefused]:
        """Tell of several groups in one message, a line each."""
        if not groups:
            return
        try:
            self._notifier.post(self._texts.runs(groups, over=over))
        except MessageRefused as error:
            yield error
            return
        for group, batch in groups:
            delivered = self._delivered(group)
            told = replace(delivered, restored=delivered.restored + batch.restored.count)
            self._delivery_log.remember(group.key, batch.tokens, told)

    def _delivered(self, group: AlertGroup) -> Delivered:
        # The limits are a run's. Events without a run come all day long, so there each pass has its own.
        return Delivered() if group.run_id is None else self._delivery_log.delivered(group.key)
