"""# stock_sync_alerts: from Kafka to people

Reads `stock.sync.alert` as consumer group `stock-sync-monitoring`, soon after each run has published and every ten
minutes for the events of other publishers. It tells people, then commits: none is lost, and none is told twice, but for
a Slack message whose sender died before it could note that Slack had taken it.

| what was found | Slack | PagerDuty |
| --- | --- | --- |
| restored (`REDIS_RESTORED`) | one digest a run | |
| to review, up to 50 | one list a run, the 20 largest first | |
| to review, more than 50 | one message a product up to 10, then one that counts the rest | one incident a product up to 10, then one for the run |

At most 20 Slack messages a run, and as many a pass: runs that do not fit share one message, a line each. So do runs of
days that are over (alerts were switched on late, offsets had expired), and nobody is called for those. What a dead run
left is published by the next one: if people were told of a part of it before, its second digest says so and gives the
sum. What nobody can read goes to the topic `stock.sync.alert.dlq`, with its place and the error in the headers, after
people were told everything else.

| task | what it does | when it is red |
| --- | --- | --- |
| `deliver` | reads, tells, puts aside, commits | a channel, Kafka or Redis failed: nothing was committed, what was told is remembered, the next pass goes on. Or a message can neither be read nor put aside: its partition and offset are named, everything else was told and committed up to it |
| `resolve_incidents` | after a later run, also the one that restored them: closes the incidents of products that are healthy again | a store or PagerDuty did not answer: the incidents stay open until the next run |

**A channel without a connection** (`stock_slack`, `stock_pagerduty`) is named in the log of `deliver`; the other one
works all the same. A connection that is defined and cannot be read or used makes `deliver` red. **By hand:** *Trigger*; it is safe at any time.
"""

from datetime import datetime, timedelta
from functools import partial

from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, dag, get_current_context, task

from stocksync.entrypoints.assets import ALERTS, SUMMARIES
from stocksync.entrypoints.callbacks import SAY_WHY, tell_of_failure
from stocksync.settings import Settings

SETTINGS = Settings.for_parsing()


@dag(
    dag_id="stock_sync_alerts",
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("*/10 * * * *", timezone=SETTINGS.timezone), assets=(ALERTS | SUMMARIES)
    ),
    start_date=datetime(2024, 1, 1, tzinfo=SETTINGS.zone),
    catchup=False,
    max_active_runs=1,  # one reader: the offsets and the memory of what was told have one writer
    dagrun_timeout=timedelta(minutes=30),
    on_failure_callback=partial(tell_of_failure, once_in_a_while=True),
    doc_md=__doc__,
    tags=["stock", "alerts"],
    # What a task returns is longer than a line; what it says is logged in words, and the value is in XCom.
    default_args={"owner": "backend-team", "show_return_value_in_logs": False, **SAY_WHY},
)
def stock_sync_alerts():
    """Wire the tasks; what they do is in stocksync.entrypoints.alert_tasks."""

    @task(retries=2, retry_delay=timedelta(seconds=30))
    def deliver():
        """Read what is new on the topic, tell people, commit."""
        from stocksync.entrypoints import alert_tasks

        return alert_tasks.deliver(get_current_context())

    @task(retries=2, retry_delay=timedelta(seconds=30))
    def resolve_incidents():
        """Close the incidents whose trouble a later run found to be over."""
        from stocksync.entrypoints import alert_tasks

        return alert_tasks.resolve_incidents(get_current_context())

    deliver()
    resolve_incidents()


stock_sync_alerts()
