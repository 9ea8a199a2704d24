"""Hands Airflow what writes the notes of our runs."""

from airflow.plugins_manager import AirflowPlugin

from stocksync.entrypoints import run_notes


class StockSyncNotes(AirflowPlugin):
    """Listens for runs that begin and end."""

    name = "stock_sync_notes"
    listeners = [run_notes]  # noqa: RUF012 - Airflow's way
