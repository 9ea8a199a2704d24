"""The operations store: its schema, its roles, and what a run's check says of them."""

import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import psycopg2
import pytest
from psycopg2 import errors

from local import PROJECT
from stocksync import migrations
from stocksync.adapters.ops_database import VERSION, OpsDatabase
from stocksync.adapters.ops_findings import OpsFindings
from stocksync.adapters.ops_memory import OpsOpenIncidents
from stocksync.adapters.ops_runs import OpsRuns
from stocksync.alerting.ports import OpenIncident
from stocksync.bootstrap import Bootstrap
from stocksync.errors import BadSetting, OperationsUnavailable
from stocksync.model.finding import RunIdentity
from stocksync.model.policy import Action
from stocksync.settings import Settings
from tests.kit.database import execute
from tests.kit.findings import DETECTED_MS, event
from tests.kit.summaries import SUMMARY

NIGHT_MS = 24 * 3600 * 1000
RUN = RunIdentity("run-1", "scheduled", "2024-01-15")


def migrate(*arguments, owner=None):
    """Type the command."""
    return subprocess.run(
        [sys.executable, "-m", "stocksync.migrations", *arguments],
        cwd=PROJECT,
        env={"PYTHONPATH": "include"} | ({} if owner is None else {"STOCK_OPS_OWNER": owner}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def of_run(found, run_id="run-1", date="2024-01-15", **more):
    return replace(found, run_id=run_id, run_date=date, **more)


def fill(store, *events, runs=()):
    log = OpsFindings(store.database)
    for each in events:
        log.add(each)
    log.finish(runs)


def ended(store, number, **changes):
    """Note that the run of a night ended, after its findings were."""
    day = f"2024-01-{14 + number:02}"
    changed = {
        "run_id": f"run-{number}",
        "date": day,
        "started_at": f"{day}T02:00:00+09:00",
        "finished_at": f"{day}T02:20:00+09:00",
    }
    OpsRuns(store.database).record(replace(SUMMARY, **changed | changes), complete_catalogue=True)


def night(store, number, *found, **changes):
    """One night: what it found, and its end."""
    shifted = (replace(each, detected_at_ms=each.detected_at_ms + (number - 1) * NIGHT_MS) for each in found)
    events = [of_run(each, f"run-{number}", f"2024-01-{14 + number:02}") for each in shifted]
    fill(store, *events, runs=[f"run-{number}"] if events else [])
    ended(store, number, **{"restored": 0, "manual_review": len(events)} | changes)


def open_cases(store):
    return store.rows("SELECT product_id, nights FROM open_cases ORDER BY product_id")


# --- the schema ------------------------------------------------------------------------------------------------------


def test_the_command_makes_the_schema_and_may_be_run_again(postgres, database):
    role = postgres.create_role(f"w_{database[-8:]}")
    for _ in range(2):
        done = migrate("--worker", role.name, owner=database)
        assert (done.returncode, done.stdout) == (0, f"the operations store is at version {VERSION}\n")
    OpsDatabase(lambda: psycopg2.connect(postgres.uri_of(database.rpartition("/")[2], role))).check()


def test_the_command_says_what_is_missing_or_wrong(database):
    assert "STOCK_OPS_OWNER is not set" in migrate().stderr
    done = migrate("--worker", "nobody", owner=database)
    assert (done.returncode, done.stderr.strip()) == (1, 'STOCK_OPS_OWNER: role "nobody" does not exist')


def test_two_at_once_make_one_schema(database):
    command = [sys.executable, "-m", "stocksync.migrations"]
    environment = {"PYTHONPATH": "include", "STOCK_OPS_OWNER": database}
    both = [subprocess.Popen(command, cwd=PROJECT, env=environment) for _ in range(2)]
    assert [each.wait(60) for each in both] == [0, 0]
    OpsDatabase(lambda: psycopg2.connect(database)).check()


def test_a_run_refuses_a_database_without_the_schema(database):
    with pytest.raises(BadSetting, match=rf"stock_ops.*version none; allowed: version {VERSION}.*stocksync\.migr"):
        OpsDatabase(lambda: psycopg2.connect(database)).check()


def test_a_run_refuses_another_version_and_names_both(ops_store):
    execute(ops_store.owner, "UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(BadSetting, match=rf"version 0000; allowed: version {VERSION}"):
        ops_store.database.check()


# --- the roles -------------------------------------------------------------------------------------------------------


def test_the_worker_can_work(ops_store):
    ops_store.database.check()


def test_a_role_without_rights_is_named_with_what_it_lacks(ops_store):
    reader = OpsDatabase(lambda: psycopg2.connect(ops_store.page))
    with pytest.raises(BadSetting, match=r"stock_ops.*decisions.*findings.*runs.*--worker ROLE"):
        reader.check()
    reader.check(writes=False)


@pytest.mark.parametrize("statement", ["UPDATE findings SET reason = ''", "DELETE FROM runs", "TRUNCATE told"])
def test_nobody_but_the_owner_changes_history(ops_store, statement):
    for role in (ops_store.worker, ops_store.page):
        with pytest.raises(errors.InsufficientPrivilege):
            execute(role, statement)


def test_the_page_cannot_write(ops_store):
    execute(ops_store.page, "SELECT * FROM open_cases")
    with pytest.raises(errors.InsufficientPrivilege):
        execute(ops_store.page, "INSERT INTO filled (run_id, events) VALUES ('x', 0)")


def test_a_store_that_is_down_may_be_up_later(ops_store, postgres):
    postgres.stop()
    with pytest.raises(OperationsUnavailable, match=r"PostgreSQL \(connection stock_ops\)"):
        ops_store.database.check()


# --- findings --------------------------------------------------------------------------------------------------------


def test_an_event_is_kept_once_however_often_it_is_added(ops_store):
    found = of_run(event(), reason="because", key_missing=True, product_name="사과", held=3)
    for _ in range(2):
        fill(ops_store, found, found)
    assert ops_store.rows(
        "SELECT product_id, product_name, db_stock, redis_stock, discrepancy, severity, action, key_missing, held, "
        "reason, extract(epoch from detected_at) * 1000, run_id, run_date::text FROM findings"
    ) == [
        ("PRD-001", "사과", 100, 95, 5, "LOW", "REDIS_RESTORED", True, 3, "because", DETECTED_MS, "run-1", "2024-01-15")
    ]


def test_a_chunk_that_was_written_before_a_death_is_not_written_again(ops_store, monkeypatch):
    monkeypatch.setattr("stocksync.adapters.ops_findings.CHUNK", 2)
    events = [of_run(event(f"PRD-{number}")) for number in range(5)]
    dying = OpsFindings(ops_store.database)
    for each in events:  # four of them are written, and then it dies
        dying.add(each)
    assert ops_store.rows("SELECT count(*) FROM findings") == [(4,)]
    fill(ops_store, *events, runs=["run-1"])
    assert ops_store.rows("SELECT count(*), count(DISTINCT product_id) FROM findings") == [(5, 5)]


HOSTILE = [
    "a\x00b",
    "한글 \U0001f4a3 \u202e",
    "\\N",
    "\\.",
    "a\tb\nc\rd\\",
    "'; DROP TABLE findings; --",
    "%s %(x)s {} $1",
    "<script>{{ 1 }}</script>",
    "\ud800",
    "\U0001f4a3" * 1000,
    "".join(map(chr, range(0x4E00, 0x4E00 + 1000))),
]


def test_ids_that_nobody_would_choose_are_kept_and_found_again(ops_store):
    fill(ops_store, *(of_run(replace(event(name, redis=20), event_id=name)) for name in HOSTILE))
    storable = [name.replace("\x00", "\ufffd").replace("\ud800", "?") for name in HOSTILE]
    assert sorted(name for (name,) in ops_store.rows("SELECT product_id FROM open_cases")) == sorted(storable)
    for name in storable:
        assert ops_store.rows("SELECT count(*) FROM findings WHERE product_id = %s", name) == [(1,)]


@pytest.mark.parametrize("ms", [-(10**18), -1, 10**18])
def test_an_instant_that_no_calendar_has_is_kept_all_the_same(ops_store, ms):
    fill(ops_store, replace(event(), detected_at_ms=ms, run_date="2024-99-99"))
    assert ops_store.rows("SELECT run_id, run_date FROM findings") == [(None, None)]


def test_products_that_kept_changing_are_noted_with_their_bounds(ops_store):
    runs = OpsRuns(ops_store.database)
    runs.unsettled(RUN, [("PRD-001", 2, 5), ("PRD-002", None, None)])
    runs.unsettled(RUN, [])
    rows = ops_store.rows("SELECT run_id, product_id, run_date::text, low, high FROM unsettled ORDER BY 2")
    assert rows == [("run-1", "PRD-001", "2024-01-15", 2, 5), ("run-1", "PRD-002", "2024-01-15", None, None)]


# --- runs ------------------------------------------------------------------------------------------------------------


def test_a_run_that_was_cleared_appends_and_its_latest_ending_counts(ops_store):
    ended(ops_store, 1, status="partial", restored=1)
    for _ in range(2):
        ended(ops_store, 1, status="complete", restored=2, finished_at="2024-01-15T03:00:00+09:00")
    assert ops_store.rows("SELECT status, restored FROM runs ORDER BY finished_at") == [("partial", 1), ("complete", 2)]
    assert ops_store.rows("SELECT status FROM latest_runs") == [("complete",)]


# --- what is open ----------------------------------------------------------------------------------------------------

BAD, LARGE = event("PRD-001", redis=20), event("PRD-002", redis=300)


def again(found):
    """The same difference, found another night."""
    return event(found.product_id, db=found.db_stock, redis=found.redis_stock)


def test_a_case_is_open_as_long_as_nights_find_it_and_counts_them(ops_store):
    night(ops_store, 1, BAD)
    assert open_cases(ops_store) == [("PRD-001", 1)]
    night(ops_store, 2, again(BAD), LARGE)
    assert open_cases(ops_store) == [("PRD-001", 2), ("PRD-002", 1)]
    [(first, last)] = ops_store.rows("SELECT first_seen, last_seen FROM open_cases WHERE product_id = 'PRD-001'")
    assert (last - first).days == 1


def test_a_complete_night_that_does_not_find_it_closes_a_case(ops_store):
    night(ops_store, 1, BAD, LARGE)
    night(ops_store, 2, again(LARGE))
    assert open_cases(ops_store) == [("PRD-002", 2)]
    night(ops_store, 3, again(BAD))
    assert open_cases(ops_store) == [("PRD-001", 1)], "it began anew"


@pytest.mark.parametrize("why", [{"status": "partial"}, {"dry_run": True}])
def test_a_night_that_does_not_count_closes_nothing(ops_store, why):
    night(ops_store, 1, BAD)
    night(ops_store, 2, **why)
    assert open_cases(ops_store) == [("PRD-001", 1)]


def test_a_night_closes_nothing_before_its_findings_are_here(ops_store):
    night(ops_store, 1, BAD)
    ended(ops_store, 2, restored=0, manual_review=1)
    assert open_cases(ops_store) == [("PRD-001", 1)]


def test_a_product_that_kept_changing_in_the_night_stays_open(ops_store):
    night(ops_store, 1, BAD)
    OpsRuns(ops_store.database).unsettled(RunIdentity("run-2", "scheduled", "2024-01-16"), [("PRD-001", None, None)])
    night(ops_store, 2)
    assert open_cases(ops_store) == [("PRD-001", 1)]
    night(ops_store, 3, again(BAD))
    assert open_cases(ops_store) == [("PRD-001", 2)]


def test_a_restore_closes_a_case_and_its_undo_opens_it_again(ops_store):
    night(ops_store, 1, BAD)
    later = replace(again(BAD), detected_at_ms=DETECTED_MS + 1000, action=Action.REDIS_RESTORED)
    fill(ops_store, of_run(later, "review-1", decision_id="review-1", approved_by="kim"))
    assert open_cases(ops_store) == []
    decide(ops_store, "review-2", "undo", "undone", undoes="review-1")
    assert open_cases(ops_store) == [("PRD-001", 1)]


def test_an_applied_decision_closes_a_case_before_its_event_is_here(ops_store):
    night(ops_store, 1, BAD)
    decide(ops_store, "review-1", "restore", "stale")
    assert open_cases(ops_store) == [("PRD-001", 1)]
    decide(ops_store, "review-2", "restore", "applied")
    assert open_cases(ops_store) == []


def test_a_kept_case_sleeps_until_its_difference_changes(ops_store):
    night(ops_store, 1, BAD)
    decide(ops_store, "review-1", "keep", "kept", discrepancy=80)
    asleep = "SELECT product_id, asleep, asleep_by FROM open_cases"
    assert ops_store.rows(asleep) == [("PRD-001", True, "review-1")]
    night(ops_store, 2, again(BAD))
    assert ops_store.rows(asleep) == [("PRD-001", True, "review-1")]
    night(ops_store, 3, event("PRD-001", redis=10))
    assert ops_store.rows(asleep) == [("PRD-001", False, None)]


def test_a_kept_case_wakes_when_its_time_has_passed(ops_store):
    night(ops_store, 1, BAD)
    decide(ops_store, "review-1", "keep", "kept", discrepancy=80, sleeps_until="2024-02-01")
    assert ops_store.rows("SELECT asleep FROM open_cases") == [(False,)]


def test_a_product_has_one_outcome_of_a_decision(ops_store):
    decide(ops_store, "review-1", "restore", "applied")
    with pytest.raises(errors.ExclusionViolation):
        execute(
            ops_store.worker,
            "INSERT INTO outcomes (decision_id, product_id, outcome, at) "
            "VALUES ('review-1', 'PRD-001', 'stale', now())",
        )


def decide(store, decision_id, kind, outcome, **more):
    """Somebody decides about PRD-001, some minutes after the first night."""
    execute(
        store.worker,
        "INSERT INTO decisions (decision_id, kind, decided_by, decided_at, reason, undoes, sleeps_until, asked) "
        "VALUES (%s, %s, 'kim', '2024-01-15 02:30+09', 'counted', %s, %s, 1)",
        *(decision_id, kind, more.get("undoes"), more.get("sleeps_until")),
    )
    execute(
        store.worker,
        "INSERT INTO outcomes (decision_id, product_id, outcome, discrepancy, at) "
        "VALUES (%s, 'PRD-001', %s, %s, '2024-01-15 02:30+09')",
        *(decision_id, outcome, more.get("discrepancy")),
    )


def test_whether_a_run_is_a_decision_is_looked_up_and_doubt_counts_as_one(ops_store):
    decide(ops_store, "review-1", "restore", "applied")

    def parts(operations):
        return Bootstrap(SimpleNamespace(operations=lambda: operations), Settings())

    def away():
        raise psycopg2.OperationalError("the server is gone")

    there = parts(lambda: psycopg2.connect(ops_store.worker))
    assert (there.is_decision("review-1"), there.is_decision("scheduled__1")) == (True, False)
    assert parts(None).is_decision("review-1") is False
    assert parts(away).is_decision("scheduled__1") is True


# --- retention and upgrades ------------------------------------------------------------------------------------------


def made_older(store, days):
    for table in ("findings", "unsettled", "outcomes", "decisions", "runs", "filled", "incidents", "told"):
        store.rows(f"UPDATE {table} SET recorded_at = recorded_at - make_interval(days => {days})")


def test_what_is_past_its_time_is_taken_away_and_nothing_else(ops_store, monkeypatch):
    monkeypatch.setattr("stocksync.adapters.ops_runs._AT_ONCE", 2)
    incidents = OpsOpenIncidents(ops_store.database)
    still_open = OpenIncident("open", 1.0)
    incidents.add(still_open)
    incidents.add(OpenIncident("closed", 2.0))
    incidents.remove(OpenIncident("closed", 2.0))
    night(ops_store, 1, *(event(f"PRD-{number}", redis=20) for number in range(5)))
    decide(ops_store, "review-1", "restore", "applied")
    OpsRuns(ops_store.database).unsettled(RUN, [("PRD-001", None, None)])
    made_older(ops_store, 50)
    night(ops_store, 2, event("PRD-9", redis=20))
    runs = OpsRuns(ops_store.database)
    assert runs.forget(51) == 0
    assert runs.forget(49) == 5 + 1 + 1 + 1 + 1 + 1 + 2, "findings, unsettled, outcome, decision, run, filled, incident"
    assert ops_store.rows("SELECT product_id FROM findings") == [("PRD-9",)]
    assert ops_store.rows("SELECT count(*) FROM runs") == [(1,)]
    assert incidents.all() == [still_open]
    assert runs.forget(49) == 0


def test_nobody_can_have_the_last_month_forgotten(ops_store):
    night(ops_store, 1, BAD)
    made_older(ops_store, 30)
    assert OpsRuns(ops_store.database).forget(0) == 0
    with pytest.raises(errors.InsufficientPrivilege):
        execute(ops_store.page, "SELECT forget_history(400, 1)")


def versions():
    return sorted(path.stem[1:5] for path in (PROJECT / "include/stocksync/migrations/versions").glob("v*.py"))


def test_the_program_works_with_the_last_version_there_is():
    assert versions()[-1] == VERSION


@pytest.mark.parametrize("version", versions()[:-1])
def test_an_earlier_version_is_brought_up_with_what_it_holds(database, version):
    migrations.upgrade(migrations.connect_to(database), until=version)
    execute(
        database,
        "INSERT INTO findings (event_id, product_id, db_stock, redis_stock, discrepancy, severity, action, reason, "
        "detected_at, first_seen, nights) VALUES (gen_random_uuid(), 'PRD-001', 100, 20, 80, 'CRITICAL', "
        "'MANUAL_REVIEW_REQUIRED', '', now(), now(), 1)",
    )
    with pytest.raises(BadSetting, match=rf"version {version}; allowed: version {VERSION}"):
        OpsDatabase(lambda: psycopg2.connect(database)).check()
    assert migrate(owner=database).returncode == 0
    OpsDatabase(lambda: psycopg2.connect(database)).check()
    assert execute(database, "SELECT product_id FROM open_cases") == [("PRD-001",)]
