"""What Airflow does when a run misses its deadline. DAG files import this while they are parsed: it must stay light."""

from collections.abc import Mapping
from typing import Any

from asgiref.sync import sync_to_async


async def tell_of_lateness(context: Mapping[str, Any], minutes: int) -> None:
    """Tell people; it runs in the triggerer, which needs no free worker."""
    from stocksync.entrypoints import alarm  # noqa: PLC0415 - with the drivers it takes a second

    run = context["dag_run"]
    await sync_to_async(alarm.tell_of_lateness)(run["dag_id"], run["dag_run_id"], minutes)
