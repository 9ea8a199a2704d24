"""The DAG of decisions as Airflow sees it: what it refuses before anything exists, and how its tasks hang together."""

import pytest

EDGES = {
    "accept": {"take_lock", "choose_products", "apply", "release_lock"},
    "take_lock": {"choose_products", "release_lock"},
    "choose_products": {"apply"},
    "apply": {"conclude"},
    "conclude": {"release_lock"},
    "release_lock": set(),
}


@pytest.fixture(scope="session")
def dag(dags):
    return dags["stock_sync_review"]


def test_the_tasks_and_their_edges_are_the_agreed_ones(dag):
    assert {task.task_id: set(task.downstream_task_ids) for task in dag.tasks} == EDGES


def test_nobody_but_a_person_starts_it(dag):
    assert type(dag.timetable).__name__ == "NullTimetable"


def test_the_lock_is_a_setup_and_a_teardown_and_the_pieces_are_mapped(dag):
    assert [task.task_id for task in dag.tasks if task.is_setup] == ["take_lock"]
    assert [task.task_id for task in dag.tasks if task.is_teardown] == ["release_lock"]
    assert [task.task_id for task in dag.tasks if task.is_mapped] == ["apply"]
    assert dag.get_task("conclude").trigger_rule.value == "all_done"


def test_a_decision_that_is_ended_from_outside_frees_the_lock_and_people_are_told(dag):
    assert [callback.__name__ for callback in dag.on_failure_callback] == ["release_after_failure", "tell_of_failure"]


def test_the_runbook_names_every_task_and_every_outcome(dag):
    from stocksync.review.decision import Result  # noqa: PLC0415 - beside the runbook it is compared with

    named = [task.task_id for task in dag.tasks] + [result.value for result in Result]
    assert [name for name in named if f"`{name}`" not in dag.doc_md] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("decision", "repair"),
        ("decision", None),
        ("reason", "no"),
        ("reason", "x" * 501),
        ("reason", None),
        ("product_ids", "P-1"),
        ("product_ids", [1]),
        ("product_ids", ["P"] * 10_001),
        ("select", "everything"),
        ("seen", {"P-1": "80"}),
        ("seen", [80]),
        ("decision_id", 7),
        ("sleeps_until", 20261231),
    ],
)
def test_bad_input_is_refused_before_anything_exists(dag, name, value):
    from airflow.sdk.exceptions import ParamValidationError  # noqa: PLC0415 - only where Airflow is set up

    with pytest.raises(ParamValidationError):
        dag.params.get_param(name).resolve(value)


@pytest.mark.parametrize("name", ["decision", "reason"])
def test_what_is_decided_and_why_have_no_default(dag, name):
    from airflow.sdk.exceptions import ParamValidationError  # noqa: PLC0415 - as above

    with pytest.raises(ParamValidationError):
        dag.params.get_param(name).resolve()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("decision", "keep"),
        ("reason", "실사함"),
        ("product_ids", ["P"] * 10_000),
        ("select", "missing_keys"),
        ("select", None),
        ("seen", {"P-1": -80}),
        ("decision_id", "manual__2026-11-25T07:00:00+00:00_abc"),
        ("sleeps_until", "2026-12-31"),
        ("sleeps_until", None),
    ],
)
def test_what_a_person_may_ask_is_taken(dag, name, value):
    assert dag.params.get_param(name).resolve(value) == value
