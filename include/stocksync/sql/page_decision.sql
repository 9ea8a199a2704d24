SELECT d.decision_id, d.kind, d.decided_by, d.decided_at, d.reason, d.undoes, d.sleeps_until, d.asked,
       (SELECT coalesce(jsonb_object_agg(outcome, n), jsonb_build_object()) FROM
        (SELECT outcome, count(*) AS n FROM outcomes WHERE decision_id = d.decision_id GROUP BY outcome) AS each) AS outcomes,
       (SELECT array_agg(u.decision_id) FROM decisions u WHERE u.undoes = d.decision_id) AS undone_by
FROM decisions d
WHERE d.decision_id = %(decision)s
