"""# bench_empty: the shape of stock_sync, doing nothing

What Airflow itself costs: as many mapped tasks as stock_sync would have, each returning at once.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import Param, TriggerRule, dag, get_current_context, setup, task, teardown


@dag(
    dag_id="bench_empty",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    dagrun_timeout=timedelta(minutes=30),
    doc_md=__doc__,
    params={"ranges": Param(10, type="integer", minimum=1)},
)
def bench_empty():
    """Wire the tasks."""

    @setup
    @task
    def acquire_lock():
        return {}

    @task
    def partition_products(plan):
        return [{"index": n} for n in range(get_current_context()["params"]["ranges"])]

    @task(map_index_template="{{ task.op_kwargs['id_range']['index'] }}")
    def reconcile(plan, id_range):
        return id_range

    @task(trigger_rule=TriggerRule.NONE_SKIPPED)
    def publish_pending():
        return 0

    @teardown(on_failure_fail_dagrun=True)
    @task
    def summarize(plan, ranges, outcomes, published):
        return len(list(outcomes))

    @teardown
    @task
    def release_lock(plan):
        return None

    plan = acquire_lock()
    ranges = partition_products(plan)
    outcomes = reconcile.partial(plan=plan).expand(id_range=ranges)
    published = publish_pending()
    summary = summarize(plan, ranges, outcomes, published)
    release = release_lock(plan)
    outcomes >> published >> summary >> release
    plan >> release


bench_empty()
