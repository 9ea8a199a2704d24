"""One way to reach people."""

from typing import Protocol

from stocksync.alerting.batch import AlertBatch
from stocksync.alerting.routing import AlertGroup
from stocksync.errors import BadSetting, ChannelRefuses, MessageRefused


class Channel(Protocol):
    """Slack, or PagerDuty."""

    def tell(self, group: AlertGroup, batch: AlertBatch) -> list[MessageRefused]:
        """Tell everything in the batch; return what the channel will not take.

        Raises:
            ChannelDown: it takes nothing now; it may later.
            ChannelRefuses: it takes nothing until a person changes something.
        """
        ...


class UnusableChannel:
    """A channel whose connection cannot be used: it tells nobody anything, and the other ones work."""

    def __init__(self, error: BadSetting) -> None:
        self._error = error

    def tell(self, _group: AlertGroup, _batch: AlertBatch) -> list[MessageRefused]:
        """Say what is wrong with the connection.

        Raises:
            ChannelRefuses: always.
        """
        raise ChannelRefuses(str(self._error)) from self._error
