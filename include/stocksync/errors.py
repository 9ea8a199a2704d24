"""What can go wrong, named by its fact. Every message tells the fact and the next step."""


class StockSyncError(Exception):
    """Base of everything this package raises on purpose."""


class Permanent(StockSyncError):
    """Trying again without a change by a person gives the same result."""


class BadSetting(Permanent):
    """A setting, a param or a table does not allow the run to start."""


class LockHeld(StockSyncError):
    """Another run of the same local date is working."""


class LockLost(StockSyncError):
    """The run no longer holds its lock; nothing more is written by it."""


class Superseded(StockSyncError):
    """Another attempt works on this range; nothing more is written by this one."""


class LedgerUnavailable(StockSyncError):
    """PostgreSQL did not answer, or not in time."""


class CacheUnavailable(StockSyncError):
    """Redis did not answer, or does not take writes."""


class PublishFailed(StockSyncError):
    """The broker did not acknowledge every event; the outbox still holds them."""
