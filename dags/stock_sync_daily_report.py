"""# stock_sync_daily_report: the day in one message

Every day at 09:00 (Asia/Seoul): the runs of `stock_sync` of that local date. The scheduled run is the headline, else
the latest that finished; a later run that found far more takes its place, and says so at the top. Further runs are one
line each; refused requests are none. A day without a run, with a failed or with a partial run says so at the top, and
is posted all the same.

A report of today looks at the products it lists again, and at a sample of the others: what was resolved since, what
differs again, and whether the keys are still there. Where the stores do not answer, it says so.

| task | what it does | when it is red |
| --- | --- | --- |
| `write` | collects the summaries and writes the report: its return value, and in its log | the date that was asked for is no date, or still to come |
| `post` | posts the report to Slack; skipped without a connection `stock_slack` | Slack did not take it: clear the task to post again |
| `forget_history` | takes away what is older than `STOCK_SYNC_HISTORY_DAYS` in the operations store, where there is one | the store did not answer: the next day does it |

**Another date:** *Trigger* with `date`, or backfill; the message says that it is about a past date.
"""

from datetime import datetime, timedelta

from airflow.sdk import CronTriggerTimetable, Param, dag, get_current_context, task

from stocksync.entrypoints.assets import REPORTS, SUMMARIES
from stocksync.entrypoints.callbacks import SAY_WHY, tell_of_failure
from stocksync.settings import Settings

SETTINGS = Settings.for_parsing()


@dag(
    dag_id="stock_sync_daily_report",
    schedule=CronTriggerTimetable("0 9 * * *", timezone=SETTINGS.timezone),
    start_date=datetime(2024, 1, 1, tzinfo=SETTINGS.zone),
    catchup=False,
    dagrun_timeout=timedelta(minutes=30),
    on_failure_callback=tell_of_failure,
    doc_md=__doc__,
    tags=["stock", "report"],
    # What a task returns is longer than a line; what it says is logged in words, and the value is in XCom.
    default_args={"owner": "backend-team", "show_return_value_in_logs": False, **SAY_WHY},
    params={
        "date": Param(
            None,
            type=["null", "string"],
            format="date",
            title="날짜 (date)",
            description_md="이 날짜의 리포트를 씁니다. 오늘까지의 날짜만 가능합니다. **비워 두면 실행 날짜**입니다.\n\n"
            "Report this local date, up to today. Left empty: the date of the run.",
        ),
    },
)
def stock_sync_daily_report():
    """Wire the tasks; what they do is in stocksync.entrypoints.report_tasks."""

    @task(retries=2, retry_delay=timedelta(seconds=30), inlets=[SUMMARIES, REPORTS], outlets=[REPORTS])
    def write(inlet_events=None, outlet_events=None):
        """Collect the day's runs and write the report."""
        from stocksync.entrypoints import report_tasks

        return report_tasks.write(get_current_context(), inlet_events, outlet_events)

    @task(retries=3, retry_delay=timedelta(seconds=30), retry_exponential_backoff=2)
    def post(text):
        """Post the report to Slack."""
        from stocksync.entrypoints import report_tasks

        report_tasks.post(text)

    @task(retries=2, retry_delay=timedelta(minutes=1))
    def forget_history():
        """Take away what is past its time in the operations store."""
        from stocksync.entrypoints import report_tasks

        return report_tasks.forget_history()

    post(write())
    forget_history()


stock_sync_daily_report()
