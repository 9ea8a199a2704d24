SELECT coalesce(cause, 'UNKNOWN') AS cause,
       count(*) FILTER (WHERE NOT asleep) AS awake,
       count(*) FILTER (WHERE asleep) AS asleep,
       count(*) FILTER (WHERE NOT asleep AND severity = 'CRITICAL') AS critical,
       count(*) FILTER (WHERE NOT asleep AND key_missing) AS missing,
       coalesce(sum(-discrepancy) FILTER (WHERE NOT asleep AND discrepancy < 0), 0)::bigint AS oversold,
       coalesce(sum(discrepancy) FILTER (WHERE NOT asleep AND discrepancy > 0), 0)::bigint AS unsold,
       min(first_seen) FILTER (WHERE NOT asleep) AS oldest
FROM open_cases
GROUP BY 1
ORDER BY 2 DESC, 1
