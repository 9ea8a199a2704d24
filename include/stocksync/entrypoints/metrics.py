"""A run in numbers for StatsD or OpenTelemetry, whichever Airflow's [metrics] section names; nothing otherwise."""

from airflow.sdk.observability import stats

from stocksync.model.summary import RunSummary

PREFIX = "stock_sync"


def emit(summary: RunSummary) -> None:
    """Set the gauges of the last run; a dry run has a set of its own, because nothing came of it."""
    prefix = f"{PREFIX}.dry_run" if summary.dry_run else PREFIX
    for name, value in gauges(summary).items():
        stats.gauge(f"{prefix}.{name}", value)
    stats.timing(f"{prefix}.duration", summary.duration_seconds * 1000)


def gauges(summary: RunSummary) -> dict[str, float]:
    """Name what is measured."""
    counts = ("total", "matched", "restored", "manual_review", "changed", "invalid", "unprocessed")
    others = ("missing_keys", "held_units", "in_doubt")
    looked_at = summary.total - summary.unprocessed
    return {
        **{f"discrepancies.{severity.lower()}": count for severity, count in summary.by_severity.items()},
        **{name: getattr(summary, name) for name in (*counts, *others)},
        "mass_loss": int(summary.mass_loss),
        "max_discrepancy": summary.max_discrepancy,
        "duration_seconds": summary.duration_seconds,
        "products_per_second": round(looked_at / summary.duration_seconds, 1) if summary.duration_seconds else 0,
    }
