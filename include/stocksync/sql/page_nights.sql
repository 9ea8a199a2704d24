SELECT DISTINCT ON (run_date) run_id, run_date, run_type, status, started_at, finished_at, duration_s, total, restored,
       manual_review, changed, invalid, unprocessed, missing_keys, summary
FROM runs
WHERE NOT dry_run AND complete_catalogue AND run_date > %(after)s
ORDER BY run_date DESC, finished_at DESC
