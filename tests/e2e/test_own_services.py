"""README and the runbook, typed by somebody with services of their own: plain `airflow` commands, nothing of local/."""

import os
import shlex
import signal
import socket
import subprocess
import sys
from contextlib import closing, contextmanager, suppress

import psycopg2
import pytest

from tests.kit.airflow.driver import await_that
from tests.kit.airflow.place import place
from tests.kit.documents import fenced_commands, section
from tests.kit.paths import ROOT

SETTING_UP = fenced_commands(section("README.md", "On your own services"))
BY_HAND = fenced_commands(section("README.md", "By hand, and for days gone by"))
AFTER_A_REVIEW = fenced_commands(section("docs/operations.md", "After a manual review"))
FIRST_NIGHT = fenced_commands(section("README.md", "In a company's cluster"))
REVIEWED = {"PRD-00001": 80, "PRD-00042": 60}
LISTENS = [  # on this machine other Airflows may have the usual ports
    "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT",
    "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT",
]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def own_values(stack):
    """What a person writes in the place of README's examples."""
    api = free_port()
    return {
        **stack.connections,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": stack.metadata_uri.replace("postgresql:", "postgresql+psycopg2:"),
        "AIRFLOW__API__PORT": str(api),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{api}/execution/",
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
        **{name: str(free_port()) for name in LISTENS},
    }


def script(commands, values):
    """Commands as somebody types them one after the other, in a shell that stops at the first that fails."""
    own = "\n".join(f"export {name}={shlex.quote(value)}" for name, value in values.items())
    # tests/cluster/test_install.py lets pip install them; here the environment is lent those of this one.
    lend = f"""printf '#!/bin/sh\\nexec {sys.executable} -m airflow "$@"\\n' > $AIRFLOW_HOME/venv/bin/airflow
chmod +x $AIRFLOW_HOME/venv/bin/airflow"""
    lines = ["set -euo pipefail"]
    for command in commands:
        if command.startswith("for dag in "):
            lines.append('until (: >"/dev/tcp/127.0.0.1/$AIRFLOW__API__PORT") 2>/dev/null; do sleep 0.2; done')
        lines += [f"echo {shlex.quote('$ ' + command)}", lend if command.startswith("pip install ") else command]
        if command.startswith("export AIRFLOW_"):
            lines.append(own)
    return "\n".join([*lines, 'touch "$TYPED"', "wait"])


@contextmanager
def typing(commands, values, folder):
    """Somebody who has typed the commands; what they left running ends with the block."""
    folder.mkdir()
    home = folder.parent / "home"
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "LANG") if name in os.environ}
    direct = dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost")
    own = {"HOME": str(home), "TYPED": str(folder / "typed"), "PYTHONDONTWRITEBYTECODE": "1"}
    with (folder / "output").open("w") as output:
        shell = subprocess.Popen(
            ["bash", "-c", script(commands, values)],
            cwd=ROOT,
            env=kept | direct | own,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        await_that(lambda: (folder / "typed").exists() or shell.poll(), "everything was typed", patience=900)
        assert (folder / "typed").exists(), (folder / "output").read_text()[-4000:]
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)
        shell.wait()


@pytest.mark.timeout(1800)
def test_somebody_with_services_of_their_own_gets_nights_alerts_and_the_report(tmp_path):
    with place("own-services", company=False) as here:
        here.shop.rebuild()
        # A shop whose Redis has not one key is red: it was flushed.
        here.shop.stock([("COUNTED", 7, 7), *((product, stock, None) for product, stock in REVIEWED.items())])
        (insert,) = [command for command in FIRST_NIGHT if "INSERT INTO" in command]
        here.shop.sql(shlex.split(insert)[-1].removeprefix("--command="))
        values = own_values(here.stack)
        exports = [command for command in SETTING_UP if command.startswith("export ")]
        (tmp_path / "home").mkdir()

        with (
            typing(SETTING_UP, values, tmp_path / "setting-up"),
            closing(psycopg2.connect(here.stack.metadata_uri)) as db,
        ):
            db.autocommit = True
            await_that(lambda: at_work(db) == [], "the latest night, its alerts and the report have ended")
            tested = rows(db, "SELECT dag_id FROM dag_run WHERE triggered_by = 'TEST' ORDER BY dag_id, id")
            assert [dag for (dag,) in tested] == ["stock_sync"] * 2 + ["stock_sync_alerts", "stock_sync_daily_report"]
            assert rows(db, "SELECT count(*) FROM deadline_alert") == [(1,)], "a late run is not noticed"
            assert here.shop.counter("P1") == "5"
            assert here.shop.counter("PRD-00042") is None
            texts = "\n".join(here.stack.slack.texts)
            assert "- 상품 ID: PRD-00001\n" in texts
            assert "=== 재고 동기화 일일 리포트 ===" in texts

            with typing(exports + BY_HAND, values, tmp_path / "by-hand"):
                await_that(lambda: backfilled(db) == 3 and at_work(db) == [], "the dry run and the backfill have ended")
            with typing(exports + AFTER_A_REVIEW, values, tmp_path / "after-a-review"):
                await_that(lambda: here.shop.counter("PRD-00042") == "60", "the reviewed products are restored")
                await_that(lambda: at_work(db) == [], "that run has ended")
            assert here.shop.counter("PRD-00001") == "80"
            assert rows(db, "SELECT dag_id, run_id, state FROM dag_run WHERE state <> 'success'") == []


def rows(session, statement):
    with session.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def at_work(database):
    """The runs that have not ended, and the scheduled DAGs without a run since they were switched on."""
    not_begun = """
        SELECT dag_id FROM dag WHERE timetable_type <> 'NullTimetable' AND NOT EXISTS (
            SELECT FROM dag_run WHERE dag_run.dag_id = dag.dag_id AND run_type = 'scheduled'
        )"""
    return rows(database, "SELECT run_id FROM dag_run WHERE state IN ('queued', 'running')") + rows(database, not_begun)


def backfilled(database):
    return rows(database, "SELECT count(*) FROM dag_run WHERE run_type = 'backfill'")[0][0]
