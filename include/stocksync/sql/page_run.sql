SELECT run_id, run_date, run_type, dry_run, status, started_at, finished_at, duration_s, total, restored, manual_review,
       changed, invalid, unprocessed, missing_keys, complete_catalogue, summary
FROM runs
WHERE run_id = %(run)s
ORDER BY finished_at DESC
LIMIT 1
