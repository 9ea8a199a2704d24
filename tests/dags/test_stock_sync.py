"""The DAGs as Airflow sees them: names, edges and limits that operators and other teams rely on."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.kit.paths import DAGS

EDGES = {
    "acquire_lock": {"partition_products", "reconcile", "summarize", "release_lock"},
    "partition_products": {"reconcile", "summarize"},
    "reconcile": {"publish_pending", "summarize"},
    "publish_pending": {"summarize"},
    "summarize": {"release_lock"},
    "release_lock": set(),
}
RULES = {
    "acquire_lock": "all_success",
    "partition_products": "all_success",
    "reconcile": "all_success",
    "publish_pending": "none_skipped",
    "summarize": "all_done_setup_success",
    "release_lock": "all_done_setup_success",
}
RETRIES = {
    "acquire_lock": (2, 10),
    "partition_products": (2, 10),
    "reconcile": (10, 5),
    "publish_pending": (3, 20),
    "summarize": (2, 10),
    "release_lock": (3, 5),
}


@pytest.fixture(scope="session")
def dag(dags):
    return dags["stock_sync"]


def test_there_are_the_agreed_dags_and_no_other(dags):
    assert set(dags) == {"stock_sync", "stock_sync_alerts", "stock_sync_daily_report", "stock_sync_review"}


def test_the_tasks_and_their_edges_are_the_agreed_ones(dag):
    assert {task.task_id: set(task.downstream_task_ids) for task in dag.tasks} == EDGES


def test_it_runs_at_two_in_the_morning_in_seoul_and_catches_nothing_up(dag):
    timetable = dag.timetable

    assert type(timetable).__name__ == "CronTriggerTimetable"
    assert (timetable.expression, str(timetable.timezone)) == ("0 2 * * *", "Asia/Seoul")
    assert dag.catchup is False
    assert dag.start_date == datetime(2024, 1, 1, tzinfo=ZoneInfo("Asia/Seoul"))


def test_a_run_may_take_half_an_hour(dag):
    assert dag.dagrun_timeout == timedelta(minutes=30)


def test_only_reconcile_is_mapped_and_its_tasks_are_called_by_their_ranges(dag):
    assert [task.task_id for task in dag.tasks if task.is_mapped] == ["reconcile"]
    assert "label" in dag.get_task("reconcile").map_index_template


def test_retries_and_their_pauses(dag):
    found = {task.task_id: (task.retries, task.retry_delay.total_seconds()) for task in dag.tasks}

    assert found == RETRIES
    reconcile = dag.get_task("reconcile")
    assert reconcile.retry_exponential_backoff == 2
    assert reconcile.max_retry_delay == timedelta(minutes=1)


def test_no_log_line_is_a_whole_return_value(dags):
    for dag in dags.values():
        for task in dag.tasks:
            given = task.partial_kwargs if task.is_mapped else vars(task)
            assert given["show_return_value_in_logs"] is False, task.task_id


def test_what_runs_after_a_failure_and_what_does_not(dag):
    assert {task.task_id: task.trigger_rule.value for task in dag.tasks} == RULES


def test_the_lock_is_a_setup_and_a_teardown_that_cannot_turn_a_failure_green(dag):
    assert [task.task_id for task in dag.tasks if task.is_setup] == ["acquire_lock"]
    assert {task.task_id for task in dag.tasks if task.is_teardown} == {"summarize", "release_lock"}
    assert dag.get_task("release_lock").on_failure_fail_dagrun is False
    leaves = {task.task_id for task in dag.tasks if set(task.downstream_task_ids) <= {"release_lock"}}
    assert leaves - {"release_lock"} == {"summarize"}


def test_a_run_that_a_person_ends_still_has_a_summary_and_is_red_by_it(dag):
    assert dag.get_task("summarize").is_teardown  # Airflow skips everything else
    assert dag.get_task("summarize").on_failure_fail_dagrun is True


def test_a_run_that_is_ended_from_outside_frees_its_lock_and_people_are_told(dag):
    assert [callback.__name__ for callback in dag.on_failure_callback] == ["release_after_failure", "tell_of_failure"]


def test_a_run_that_nobody_takes_is_late_soon_after_its_time_limit(dag):
    [late] = dag.deadline
    assert timedelta(minutes=30) < late.interval <= timedelta(minutes=45)
    assert late.reference.reference_name != "DagRunQueuedAtDeadline"  # or nobody can clear it: apache/airflow#70368
    assert late.callback.path == "stocksync.entrypoints.callbacks.tell_of_lateness"


def test_the_form_has_the_agreed_params_with_their_defaults(dag):
    assert dict(dag.params) == {"dry_run": False, "product_ids": None, "batch_size": 1000, "auto_restore_limit": 10}


def test_the_form_explains_each_param_in_korean_and_below_in_english(dags):
    for dag in dags.values():
        for name in dag.params:
            param = dag.params.get_param(name)
            korean, english = param.schema["description_md"].split("\n\n")
            assert re.search("[가-힣]", korean), name
            assert not re.search("[가-힣]", english), name
            assert f"({name})" in param.schema["title"], "the name that --conf takes"
            assert param.description is None, "the form would show it instead"


def test_the_form_opens_with_what_an_operator_decides_and_folds_the_rest(dag):
    sections = {name: dag.params.get_param(name).schema.get("section") for name in dag.params}
    assert [name for name, section in sections.items() if section is None] == [
        "dry_run",
        "product_ids",
        "auto_restore_limit",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dry_run", "yes"),
        ("dry_run", 1),
        ("product_ids", "P-1"),
        ("product_ids", [1]),
        ("batch_size", 0),
        ("batch_size", 100_001),
        ("batch_size", "1000"),
        ("auto_restore_limit", -1),
        ("auto_restore_limit", 2**31),
        ("auto_restore_limit", 1.5),
    ],
)
def test_a_bad_param_is_refused(dag, name, value):
    from airflow.sdk.exceptions import ParamValidationError  # noqa: PLC0415 - only where Airflow is set up

    with pytest.raises(ParamValidationError):
        dag.params.get_param(name).resolve(value)


@pytest.mark.parametrize(
    ("name", "value"), [("product_ids", ["P-1", "é"]), ("batch_size", 1), ("auto_restore_limit", 0), ("dry_run", True)]
)
def test_a_good_param_is_taken(dag, name, value):
    assert dag.params.get_param(name).resolve(value) == value


def test_a_form_that_is_left_does_not_turn_a_bad_number_into_an_allowed_one(dag):
    """Airflow's form moves a number into `minimum` and `maximum` without a word; it refuses one outside the others."""
    for name in ("auto_restore_limit", "batch_size"):
        schema = dag.params.get_param(name).schema
        assert not {"minimum", "maximum"} & set(schema)
        assert {"exclusiveMinimum", "exclusiveMaximum"} <= set(schema)


@pytest.mark.parametrize("product_ids", [[], [""], ["P-1", "", "P-2"]])
def test_a_blank_line_is_not_answered_with_a_schema(dag, product_ids):
    assert dag.params.get_param("product_ids").resolve(product_ids) == product_ids


def test_every_task_says_at_the_end_of_its_log_why_it_ended_so(dags):
    for dag in dags.values():
        for task in dag.tasks:
            given = task.partial_kwargs if task.is_mapped else vars(task)
            for end in ("failure", "retry", "skipped", "success"):
                callbacks = given[f"on_{end}_callback"]
                names = [each.__name__ for each in (callbacks if isinstance(callbacks, list | tuple) else [callbacks])]
                assert names == ["say_why"], task.task_id


def test_the_dag_carries_its_runbook_and_every_task_says_what_it_does(dags):
    for dag in dags.values():
        assert dag.doc_md.lstrip().startswith(f"# {dag.dag_id}")
        assert dag.owner, dag.dag_id
        assert dag.tags, dag.dag_id
        for task in dag.tasks:
            assert task.doc_md or (task.python_callable.__doc__ or "").strip(), task.task_id


def test_the_runbook_names_every_task(dag):
    assert [task.task_id for task in dag.tasks if f"`{task.task_id}`" not in dag.doc_md] == []


def test_every_dag_file_parses_without_an_error_in_less_than_a_second(parsed):
    assert set(parsed["files"]) == {path.name for path in DAGS.glob("*.py")}
    for name, file in parsed["files"].items():
        assert file["errors"] == {}, name
        assert file["dags"], name
        assert file["seconds"] < 1, name


def test_parsing_opens_no_socket_and_reads_no_variable_and_no_connection(parsed):
    assert parsed["reached"] == []


def test_parsing_loads_no_driver(parsed):
    assert {"psycopg2", "redis", "confluent_kafka", "fastavro"} & set(parsed["modules"]) == set()


def test_settings_reach_the_schedule(parse):
    dag = parse(STOCK_SYNC_RUN_TIMEOUT_MINUTES="7", STOCK_SYNC_TIMEZONE="UTC")["stock_sync"]

    assert (dag.dagrun_timeout, str(dag.timetable.timezone)) == (timedelta(minutes=7), "UTC")


def test_a_bad_setting_leaves_the_dag_in_the_ui_where_its_run_tells_what_is_wrong(parse):
    dag = parse(STOCK_SYNC_RUN_TIMEOUT_MINUTES="soon", STOCK_SYNC_TIMEZONE="Mars")["stock_sync"]

    assert (dag.dagrun_timeout, str(dag.timetable.timezone)) == (timedelta(minutes=30), "Asia/Seoul")
