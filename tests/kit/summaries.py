"""The summary of an ordinary night, with the original report's own numbers."""

from stocksync.model.summary import RunSummary


def top_entry(product_id, db, redis, action):
    """One of a summary's largest differences."""
    severity = "HIGH" if action == "MANUAL_REVIEW_REQUIRED" else "LOW"
    return {
        "product_id": product_id,
        "db": db,
        "redis": redis,
        "discrepancy": db - redis,
        "severity": severity,
        "action": action,
    }


SUMMARY = RunSummary(
    date="2024-01-15",
    run_id="scheduled__2024-01-14T17:00:00+00:00",
    run_type="scheduled",
    dry_run=False,
    status="complete",
    started_at="2024-01-15T02:00:00+09:00",
    finished_at="2024-01-15T02:14:32+09:00",
    duration_seconds=872.0,
    total=10_000,
    matched=9_985,
    restored=14,
    manual_review=1,
    changed=0,
    invalid=0,
    unprocessed=0,
    by_severity={"LOW": 14, "MEDIUM": 0, "HIGH": 1, "CRITICAL": 0},
    mean_discrepancy=3.67,
    max_discrepancy=15,
    max_discrepancy_product="PRD-001",
    top=[
        top_entry("PRD-001", 100, 85, "MANUAL_REVIEW_REQUIRED"),
        top_entry("PRD-123", 20, 15, "REDIS_RESTORED"),
    ],
    missing_keys=0,
)
