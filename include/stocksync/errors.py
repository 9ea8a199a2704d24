"""What can go wrong, named by its fact. Every message tells the fact and the next step."""


class StockSyncError(Exception):
    """Base of everything this package raises on purpose."""


class Permanent(StockSyncError):
    """Trying again without a change by a person gives the same result."""


class BadSetting(Permanent):
    """A setting, a param or a table does not allow the run to start."""


class RefusedRequest(Permanent):
    """What a person asked a run for is not allowed: no failed night, nothing was compared or written."""


class NotBegun(Permanent):
    """A run's first task failed, so its later tasks have nothing to work with."""


class CountersLost(Permanent):
    """A run found every counter gone and did all of its work: people are told of the loss by its events."""


class LockHeld(StockSyncError):
    """Another run of the same local date is working.

    Args:
        says: in words
        holder: its id; empty: it is not known
    """

    def __init__(self, says: str, holder: str = "") -> None:
        super().__init__(says)
        self.holder = holder


class LockLost(StockSyncError):
    """The run no longer holds its lock; nothing more is written by it."""


class Superseded(StockSyncError):
    """Another attempt works on this range; nothing more is written by this one."""


class LedgerUnavailable(StockSyncError):
    """PostgreSQL did not answer, or not in time."""


class CacheUnavailable(StockSyncError):
    """Redis did not answer, or does not take writes."""


class OperationsUnavailable(StockSyncError):
    """The operations store did not answer, or not in time."""


class PublishFailed(StockSyncError):
    """The broker did not acknowledge every event; the outbox still holds them."""


class RegistryUnavailable(StockSyncError):
    """The schema registry does not answer now; it may later."""


class ConnectionsUnavailable(StockSyncError):
    """A place where Airflow keeps connections does not answer now; it may later."""


class TopicUnavailable(StockSyncError):
    """The brokers did not give the events, or did not take the offsets."""


class DeadLetterFailed(StockSyncError):
    """Messages nobody can read could not be put aside; they stay on the topic, and the offsets stop before them."""


class NotRead(StockSyncError):
    """Messages cannot be read now; they stay on the topic, and the offsets stop before them."""


class NotReadable(NotRead, Permanent):
    """As NotRead, and asking again without a change by a person gives the same result."""


class ChannelDown(StockSyncError):
    """Slack or PagerDuty does not take messages now; it may later."""


class ChannelRefuses(Permanent):
    """Slack or PagerDuty will take no message until a person changes something."""


class MessageRefused(Permanent):
    """Slack or PagerDuty will not take one message, whoever asks again; it may take others."""


class NotResolved(Permanent):
    """Some incidents could not be looked at or closed until a person changes something; the other ones were."""


class NotDelivered(StockSyncError):
    """People were not told everything; the events stay uncommitted and are told by the next attempt or run."""


class NotDeliverable(NotDelivered, Permanent):
    """As NotDelivered, and asking again without a change by a person gives the same result."""
