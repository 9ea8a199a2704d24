"""What Airflow calls when a run has failed. DAG files import this while they are parsed: it must stay light."""

from typing import Any


def tell_of_failure(context: Any, *, once_in_a_while: bool = False) -> None:  # noqa: ANN401 - Airflow's own
    """Tell people of a red run; `once_in_a_while` is for a DAG that runs every few minutes."""
    from stocksync.entrypoints import alarm  # noqa: PLC0415 - with the drivers it takes a second

    alarm.tell_of_failure(context, once_in_a_while=once_in_a_while)


def release_after_failure(context: Any) -> None:  # noqa: ANN401 - Airflow's own
    """Free the lock of a run that was ended from outside."""
    from stocksync.entrypoints import sync_tasks  # noqa: PLC0415 - as above

    sync_tasks.release_after_failure(context)
