"""# stock_sync: compare every product's stock in PostgreSQL with its counter in Redis

Every night at 02:00 (Asia/Seoul). Differences of 10 or less are restored in Redis, larger ones go to a person;
each one is an event on Kafka (`stock.sync.alert`), which `stock_sync_alerts` turns into messages.

| task | what it does | when it is red |
| --- | --- | --- |
| `acquire_lock` | checks settings, params, table, holds, topic and schema registry; takes the day's lock | a service is unreachable, or a setting or param is bad: the message names it, its value and what is allowed; nothing was written |
| `partition_products` | cuts the catalogue into ranges of ids | the ledger is unreachable, or empty though it was not before, or has several rows for most products; or `product_ids` names a product it does not have |
| `reconcile` | compares a range, waits, looks again, restores or reports | the time was up, or its retries, each from the checkpoint, failed too: the rest of the range is unprocessed |
| `publish_pending` | publishes what dead tasks left in the outbox | Kafka is down: the events stay in the outbox, the next run publishes them |
| `summarize` | adds up the run, also one that a person marked failed; its return value is the summary | the run was partial, failed or ended by hand: the log says what is missing |
| `release_lock` | frees the day for another run | Redis is unreachable: the lock expires within the hour |

**A pink (skipped) run** found another run of the same day at work. One that finds a person's decision at work
(`stock_sync_review`) waits: `acquire_lock` is *up for reschedule* meanwhile, its log names the decision, and the run's
note says how long it took. **A dry run** (param `dry_run`, or any run whose local date is not today, so every backfill)
compares and reports, writes nothing and alerts nobody.

**By hand:** *Trigger*, and fill in the form. What is not allowed (no product named, a product that the ledger does not
have, a limit above the setting without products) is refused: nothing is compared, nobody is called, and the day's
report does not take it for a failed night. **Why a run failed, was refused or did nothing** is in its note, beside its
name in the grid, and in the last line of the task's log.
**Again after a failure:** clear the failed tasks, which go on where they were, or trigger a new run, which begins with
what is left; both are safe, nothing is restored or counted twice.
"""

from datetime import datetime, timedelta

from airflow.sdk import (
    AsyncCallback,
    CronTriggerTimetable,
    DeadlineAlert,
    DeadlineReference,
    Param,
    TriggerRule,
    dag,
    get_current_context,
    setup,
    task,
    teardown,
)

from stocksync.entrypoints.assets import PUBLISHED, SUMMARIES
from stocksync.entrypoints.callbacks import SAY_WHY, release_after_failure, tell_of_failure
from stocksync.settings import Settings

SETTINGS = Settings.for_parsing()


# Counted from when a run was asked for: a run that no worker takes has no time limit of its own yet. That is also what
# this reference counts from, on top of the usual run time. DAGRUN_QUEUED_AT would say it more plainly, but Airflow 3.3
# then answers 500 when a person clears a task or a run that has not succeeded (apache/airflow#70368).
LATE_MINUTES = SETTINGS.run_timeout_minutes + 10
LATE = DeadlineAlert(
    reference=DeadlineReference.AVERAGE_RUNTIME(max_runs=10, min_runs=1),
    interval=timedelta(minutes=LATE_MINUTES),
    callback=AsyncCallback("stocksync.entrypoints.callbacks.tell_of_lateness", {"minutes": LATE_MINUTES}),
)


@dag(
    dag_id="stock_sync",
    schedule=CronTriggerTimetable("0 2 * * *", timezone=SETTINGS.timezone),
    start_date=datetime(2024, 1, 1, tzinfo=SETTINGS.zone),
    catchup=False,
    dagrun_timeout=timedelta(minutes=SETTINGS.run_timeout_minutes),
    on_failure_callback=[release_after_failure, tell_of_failure],
    deadline=LATE,
    doc_md=__doc__,
    tags=["stock", "reconciliation"],
    # What a task returns is longer than a line; what it says is logged in words, and the value is in XCom.
    default_args={"owner": "backend-team", "show_return_value_in_logs": False, **SAY_WHY},
    # In the form: the section "Run Parameters" is open, any other is folded. A description would hide description_md.
    # A minimum or a maximum would turn -5 into 0 as soon as the field is left; exclusive ones refuse it.
    params={
        "dry_run": Param(
            False,
            type="boolean",
            title="모의 실행 (dry_run)",
            description_md="**비교와 보고만** 합니다. 아무것도 쓰지 않고, 아무에게도 알리지 않습니다.\n\n"
            "Compare and report only: write nothing, alert nobody.",
        ),
        "product_ids": Param(
            None,
            type=["null", "array"],
            items={"type": "string"},
            title="상품 ID (product_ids)",
            description_md="이 상품만 봅니다. 한 줄에 하나씩 입력하세요. **비워 두면 전체 상품**입니다.\n\n"
            "Only these products, one a line. Left empty: all products.",
        ),
        "auto_restore_limit": Param(
            SETTINGS.auto_restore_limit,
            type="integer",
            exclusiveMinimum=-1,
            exclusiveMaximum=2_147_483_648,
            title="자동 복원 한도 (auto_restore_limit)",
            description_md="차이가 이 값 **이하**이면 자동으로 복원하고, 넘으면 수동 검토로 남깁니다. "
            f"{SETTINGS.auto_restore_limit}보다 크게 하려면 **상품 ID**도 함께 입력해야 합니다.\n\n"
            "A difference up to this is restored, a larger one is left to a person. Above "
            f"{SETTINGS.auto_restore_limit} only together with product_ids.",
        ),
        "batch_size": Param(
            SETTINGS.batch_size,
            type="integer",
            exclusiveMinimum=0,
            exclusiveMaximum=100_001,
            section="처리량 · Throughput",
            title="배치 크기 (batch_size)",
            description_md="한 배치의 상품 수입니다. 결과는 달라지지 않습니다.\n\n"
            "Products in a batch. The result does not depend on it.",
        ),
    },
)
def stock_sync():
    """Wire the tasks; what they do is in stocksync.entrypoints.sync_tasks."""

    @setup
    @task(retries=2, retry_delay=timedelta(seconds=10), inlets=[SUMMARIES])
    def acquire_lock(inlet_events=None):
        """Check what the run needs and take the day's lock."""
        from stocksync.entrypoints import sync_tasks

        latest = inlet_events[SUMMARIES].ascending(False).limit(50)
        return sync_tasks.acquire_lock(get_current_context(), latest)

    @task(retries=2, retry_delay=timedelta(seconds=10), inlets=[SUMMARIES])
    def partition_products(plan, params=None, inlet_events=None):
        """Cut the catalogue into ranges of ids."""
        from stocksync.entrypoints import sync_tasks

        latest = inlet_events[SUMMARIES].ascending(False).limit(50)
        return sync_tasks.partition_products(plan, params["product_ids"], latest)

    @task(
        retries=10,
        retry_delay=timedelta(seconds=5),
        retry_exponential_backoff=2,
        max_retry_delay=timedelta(minutes=1),
        max_active_tis_per_dagrun=SETTINGS.max_active_ranges,
        map_index_template="{{ task.op_kwargs['id_range']['label'] }}",
        show_return_value_in_logs=False,  # a mapped task does not take it from default_args
    )
    def reconcile(plan, id_range, task_state_store=None):
        """Reconcile one range of product ids. Safe to retry: it resumes from its checkpoint."""
        from stocksync.entrypoints import sync_tasks

        return sync_tasks.reconcile(plan, id_range, task_state_store, get_current_context())

    # It runs whatever became of the ranges, but not at all in a run that found the lock taken. The plan is pulled, not
    # handed over: Airflow lets only all_success tasks and teardowns follow a setup task directly.

    @task(
        trigger_rule=TriggerRule.NONE_SKIPPED,
        retries=3,
        retry_delay=timedelta(seconds=20),
        outlets=[PUBLISHED],
    )
    def publish_pending(ti=None, outlet_events=None):
        """Publish what dead tasks left in the outbox."""
        from stocksync.entrypoints import sync_tasks

        plan = ti.xcom_pull(task_ids="acquire_lock")
        return sync_tasks.publish_pending(plan, outlet_events, get_current_context())

    # A teardown, because those are all that Airflow still runs when a person marks the run failed: such a run has a
    # summary too, and is red by it. Left to themselves the other tasks would be skipped, and the run would end green.

    @teardown(on_failure_fail_dagrun=True)
    @task(retries=2, retry_delay=timedelta(seconds=10), outlets=[SUMMARIES])
    def summarize(plan, ranges, outcomes, published):
        """Add up the run; the return value is its summary."""
        from stocksync.entrypoints import sync_tasks

        return sync_tasks.summarize_run(plan, ranges, outcomes, published, get_current_context())

    @teardown
    @task(retries=3, retry_delay=timedelta(seconds=5))
    def release_lock(plan):
        """Free the day for another run."""
        from stocksync.entrypoints import sync_tasks

        sync_tasks.release_lock(plan)

    plan = acquire_lock()
    ranges = partition_products(plan)
    outcomes = reconcile.partial(plan=plan).expand(id_range=ranges)
    published = publish_pending()
    summary = summarize(plan, ranges, outcomes, published)
    release = release_lock(plan)
    outcomes >> published >> summary >> release
    plan >> release


DAG = stock_sync()


def run_once(**how):
    """Run it once in this process, for `airflow dags test`: somebody is watching, so nobody need be told it is late.

    With a deadline Airflow 3.3 ends a healthy test with a traceback and leaves the run `running`, because it looks the
    deadline up in its metadata by the whole definition (apache/airflow#73428). What Airflow stores keeps the deadline:
    it parses the file anew for that.
    """
    DAG.deadline = None
    return type(DAG).test(DAG, **how)


DAG.test = run_once
