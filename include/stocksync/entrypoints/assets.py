"""The assets by which the DAGs wake each other.

An `x-` scheme is private: Airflow looks through no provider for its rules, which costs every task a fifth of a second.
"""

from airflow.sdk import Asset, AssetAlias

ALERTS = Asset(name="stock_sync_alerts", uri="x-stock-sync://alerts")
"""Updated when a run that may write has published its events."""

PUBLISHED = AssetAlias("stock_sync_published")
"""What publish_pending updates ALERTS through: a dry run publishes nothing, so it must be able not to."""

SUMMARIES = Asset(name="stock_sync_summary", uri="x-stock-sync://summary")
"""Updated by each complete run; the event's extra names the date, the run, its type, dry_run and status."""

REPORTS = Asset(name="stock_sync_report", uri="x-stock-sync://report")
"""Updated by each daily report; the event's extra carries the day's numbers for the reports after it."""
