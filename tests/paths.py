"""Where the project's parts are."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
SCHEMA = ROOT / "schemas" / "StockSyncAlert.avsc"
DAGS = ROOT / "dags"
