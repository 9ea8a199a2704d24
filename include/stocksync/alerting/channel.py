"""One way to reach people."""

from typing import Protocol

from stocksync.alerting.news import News
from stocksync.errors import BadSetting, ChannelRefuses, MessageRefused


class Channel(Protocol):
    """Slack, or PagerDuty."""

    def tell(self, news: News) -> list[MessageRefused]:
        """Tell everything; return what the channel will not take.

        Raises:
            ChannelDown: it takes nothing now; it may later.
            ChannelRefuses: it takes nothing until a person changes something.
        """
        ...


class UnusableChannel:
    """A channel whose connection cannot be used: it tells nobody anything, and the other ones work."""

    def __init__(self, error: BadSetting) -> None:
        self._error = error

    def tell(self, _news: News) -> list[MessageRefused]:
        """Say what is wrong with the connection.

        Raises:
            ChannelRefuses: always.
        """
        raise ChannelRefuses(str(self._error)) from self._error
