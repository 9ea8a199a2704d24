"""A range's progress in Airflow's task state store, which survives a retry and a clear."""

from typing import Any, Protocol

from stocksync.model.progress import Progress

_KEY = "progress"


class StateStore(Protocol):
    """The part of Airflow's task state store that is used: JSON by name."""

    def get(self, key: str) -> Any:  # noqa: ANN401 - JSON
        """Return what was set, None if nothing was."""
        ...

    def set(self, key: str, value: Any) -> None:  # noqa: ANN401 - JSON
        """Replace it."""
        ...


class StateStoreJournal:
    """Implements the port Journal."""

    def __init__(self, store: StateStore) -> None:
        self._store = store

    def load(self) -> Progress | None:
        """Read; None for a range never begun."""
        raw = self._store.get(_KEY)
        return None if raw is None else Progress.from_dict(raw)

    def save(self, progress: Progress) -> None:
        """Write."""
        self._store.set(_KEY, progress.to_dict())
