"""# stock_sync_review: what a person decides about products that were left to a person

Started by the buttons of the page *재고 / Stock*, or by hand: *Trigger*, and fill in the form. Who decided is whoever is
logged in. It goes on the record (connection `stock_ops`), with the reason and what became of every product.

| decision | what it does | what it holds for |
| --- | --- | --- |
| `restore` | sets the counter to what it should hold, as the nightly run would: it looks twice, and writes only if nobody sold meanwhile | the difference in `seen`: one of the same sign and not larger, for 30 minutes |
| `keep` | writes nothing; the case sleeps, and nobody is told of it | until its difference changes, or the date `sleeps_until` |
| `undo` | takes back what a decision wrote, by the opposite amount on the present counter: sales since then stay sold | decisions of the last 24 hours, each product once |

| task | what it does | when it is red |
| --- | --- | --- |
| `accept` | checks the request and every service, notes the decision | the request is refused, in words: nothing was written |
| `take_lock` | takes the day's lock; it waits, and says so, while another run is at work | Redis is unreachable |
| `choose_products` | cuts the decision into pieces of 1000 products | the operations store is unreachable |
| `apply` | carries it out; the log has a line a product | a service failed again and again: what was written is on the record, *Clear* goes on with the rest |
| `conclude` | publishes what dead tasks left, adds up; its return value is how many products came to what | some products have no outcome: see the red tasks |
| `release_lock` | frees the day | Redis is unreachable: the lock expires within the hour |

What became of a product: `applied`; `stale` (the difference is another than was seen, or the decision is too old);
`agrees` (nothing differs any more); `changing` (orders kept coming, or open orders are in doubt); `invalid`; `gone`;
`kept`; `not_open`; `undone`; `refused` (nothing to undo). Only `applied` and `undone` have written. **Again:** clearing
any task is safe, nothing is written twice; a decision that came to `stale` is made anew, by what the page shows now.
"""

from datetime import datetime, timedelta

from airflow.sdk import Param, TriggerRule, dag, get_current_context, setup, task, teardown

from stocksync.entrypoints.assets import PUBLISHED, SUMMARIES
from stocksync.entrypoints.callbacks import SAY_WHY, release_after_failure, tell_of_failure
from stocksync.review.request import MOST
from stocksync.settings import Settings

SETTINGS = Settings.for_parsing()


@dag(
    dag_id="stock_sync_review",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=SETTINGS.zone),
    catchup=False,
    dagrun_timeout=timedelta(minutes=50),
    on_failure_callback=[release_after_failure, tell_of_failure],
    doc_md=__doc__,
    tags=["stock", "review"],
    # What a task returns is longer than a line; what it says is logged in words, and the value is in XCom.
    default_args={"owner": "backend-team", "show_return_value_in_logs": False, **SAY_WHY},
    params={
        "decision": Param(
            type="string",
            enum=["restore", "keep", "undo"],
            title="결정 (decision)",
            description_md="**restore**: 복원 · **keep**: 그대로 두고 알림 중지 · **undo**: 결정 취소\n\n"
            "Restore, keep as it is and be silent, or undo a decision.",
        ),
        "reason": Param(
            type="string",
            minLength=3,
            maxLength=500,
            title="사유 (reason)",
            description_md="기록에 남습니다. 3자 이상.\n\nGoes on the record; at least 3 characters.",
        ),
        "product_ids": Param(
            None,
            type=["null", "array"],
            items={"type": "string"},
            maxItems=MOST,
            title="상품 ID (product_ids)",
            description_md="한 줄에 하나씩. `undo`에서는 비워 두면 결정 전체입니다.\n\n"
            "One a line. With `undo`, left empty: the whole decision.",
        ),
        "select": Param(
            None,
            type=["null", "string"],
            enum=[None, "missing_keys"],
            title="선택 (select)",
            description_md="**missing_keys**: Redis에 키가 없는 모든 미해결 상품. 상품 ID 대신 씁니다.\n\n"
            "Every open case without a key, instead of product_ids.",
        ),
        "seen": Param(
            None,
            type=["null", "object"],
            additionalProperties={"type": "integer"},
            title="확인한 차이 (seen)",
            description_md="상품 ID → 확인한 차이(DB - Redis). `restore`에 필요합니다.\n\n"
            'Product id → the difference you saw (expected less counter): `{"PRD-00001": 80}`.',
        ),
        "decision_id": Param(
            None,
            type=["null", "string"],
            maxLength=250,
            title="취소할 결정 (decision_id)",
            description_md="`undo`에 필요합니다: 취소할 결정의 실행 ID.\n\nWith `undo`: the run id of the decision.",
        ),
        "sleeps_until": Param(
            None,
            type=["null", "string"],
            format="date",
            title="알림 중지 기한 (sleeps_until)",
            description_md="`keep`에서: 이 날짜부터 다시 알립니다. 비워 두면 차이가 바뀔 때까지입니다.\n\n"
            "With `keep`: people are told again from this date on. Left empty: once the difference changes.",
        ),
    },
)
def stock_sync_review():
    """Wire the tasks; what they do is in stocksync.entrypoints.review_tasks."""

    @task(retries=2, retry_delay=timedelta(seconds=10), inlets=[SUMMARIES])
    def accept(inlet_events=None):
        """Check the request and every service, and note the decision."""
        from stocksync.entrypoints import review_tasks

        latest = inlet_events[SUMMARIES].ascending(False).limit(50)
        return review_tasks.accept(get_current_context(), latest)

    @setup
    @task(retries=2, retry_delay=timedelta(seconds=10))
    def take_lock(plan):
        """Take the day's lock; wait while another run is at work."""
        from stocksync.entrypoints import review_tasks

        review_tasks.take_lock(plan)

    @task(retries=2, retry_delay=timedelta(seconds=10))
    def choose_products(plan):
        """Cut the decision into pieces."""
        from stocksync.entrypoints import review_tasks

        return review_tasks.choose_products(plan)

    @task(
        retries=5,
        retry_delay=timedelta(seconds=5),
        max_retry_delay=timedelta(minutes=1),
        max_active_tis_per_dagrun=SETTINGS.max_active_ranges,
        map_index_template="{{ task.op_kwargs['id_range']['label'] }}",
        show_return_value_in_logs=False,  # a mapped task does not take it from default_args
    )
    def apply(plan, id_range, task_state_store=None):
        """Carry the decision out for some products. Safe to retry: what was written has its outcome."""
        from stocksync.entrypoints import review_tasks

        return review_tasks.apply(plan, id_range, task_state_store)

    # It runs whatever became of the pieces. The plan is pulled, not handed over: it is missing where accept failed.

    @task(trigger_rule=TriggerRule.ALL_DONE, retries=3, retry_delay=timedelta(seconds=20), outlets=[PUBLISHED])
    def conclude(ti=None, outlet_events=None):
        """Publish what dead tasks left, and add up."""
        from stocksync.entrypoints import review_tasks

        return review_tasks.conclude(ti.xcom_pull(task_ids="accept"), outlet_events)

    @teardown
    @task(retries=3, retry_delay=timedelta(seconds=5))
    def release_lock(plan):
        """Free the day for another run."""
        from stocksync.entrypoints import review_tasks

        review_tasks.release_lock(plan)

    plan = accept()
    lock = take_lock(plan)
    pieces = choose_products(plan)
    outcomes = apply.partial(plan=plan).expand(id_range=pieces)
    release = release_lock(plan)
    lock >> pieces
    outcomes >> conclude() >> release
    lock >> release


stock_sync_review()
