"""Keeping every event while people are told; a store that fails silences nobody."""

from collections.abc import Collection

from stocksync.alerting.ports import AlertEvent, FindingsLog


class History:
    """What one pass adds to the history.

    Args:
        log: the history; None: nobody keeps one
        broken: why it cannot be written; None: it can, as far as is known
    """

    def __init__(self, log: FindingsLog | None, broken: Exception | None = None) -> None:
        self._log = log
        self._broken = broken

    def add(self, event: AlertEvent) -> None:
        """Take an event, unless an earlier one was not taken."""
        if self._log is None or self._broken is not None:
            return
        try:
            self._log.add(event)
        except Exception as error:  # noqa: BLE001 - `finish` gives it, when people have been told
            self._broken = error

    def finish(self, runs: Collection[str]) -> Exception | None:
        """Write what is left; return why not everything was kept, None if it was.

        Args:
            runs: those of which every event was added
        """
        if self._log is not None and self._broken is None:
            try:
                self._log.finish(runs)
            except Exception as error:  # noqa: BLE001 - reported with what went wrong elsewhere
                self._broken = error
        return self._broken
