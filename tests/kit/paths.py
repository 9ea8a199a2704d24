"""Where the project's parts are."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "schemas" / "StockSyncAlert.avsc"
DAGS = ROOT / "dags"
