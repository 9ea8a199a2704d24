"""The note of a run, which Airflow's grid shows: why it failed, was refused or skipped, or that nothing came of it.

A task cannot write it: the API that tasks have knows no notes. So the tasks leave their endings, and this listener,
which Airflow calls in the scheduler as a run changes its state (plugins/stock_sync_notes.py), gathers them.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.listeners import hookimpl as _hookimpl

from stocksync.entrypoints.ending import KEY, Ending, Kind, read
from stocksync.model.note import with_ours
from stocksync.settings import Settings
from stocksync.wording import Wording

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun

Listener = TypeVar("Listener", bound=Callable[..., None])
hookimpl: Callable[[Listener], Listener] = _hookimpl
"""Airflow's marker of a listener, which says nothing of types."""
_DAGS = ("stock_sync", "stock_sync_alerts", "stock_sync_daily_report", "stock_sync_review")
_SHOWN = 5
"""Endings of one run: sixty ranges that fail alike say no more than a few."""


@hookimpl
def on_dag_run_running(dag_run: "DagRun", msg: str) -> None:  # noqa: ARG001 - Airflow's signature
    """Mark a dry run from its beginning, as far as it was asked for."""
    if _is_ours(dag_run) and (dag_run.conf or {}).get("dry_run") is True:
        _note(dag_run, [Ending(Kind.DRY_RUN, "dry_run was asked for: nothing is written, nobody is alerted")])


@hookimpl
def on_dag_run_success(dag_run: "DagRun", msg: str) -> None:  # noqa: ARG001 - Airflow's signature
    """Note why a green run did nothing."""
    _gather(dag_run)


@hookimpl
def on_dag_run_failed(dag_run: "DagRun", msg: str) -> None:  # noqa: ARG001 - Airflow's signature
    """Note why a run is red."""
    _gather(dag_run)


def _gather(dag_run: "DagRun") -> None:
    if _is_ours(dag_run):
        _note(dag_run, _endings(dag_run))


def _is_ours(dag_run: "DagRun") -> bool:
    """Tell whether it is a run of ours in a scheduler; who types `airflow dags test` reads why in the shell."""
    from sqlalchemy.orm import object_session  # noqa: PLC0415 - every task loads this plugin, none needs it

    return dag_run.dag_id in _DAGS and object_session(dag_run) is not None


def _note(dag_run: "DagRun", endings: Sequence[Ending]) -> None:
    wording = Wording(Settings.for_parsing().locale)
    ours = wording.render("note", endings=endings[:_SHOWN], rest=len(endings[_SHOWN:]))
    note = with_ours(dag_run.note, ours)
    if note != (dag_run.note or ""):
        dag_run.note = note


def _endings(dag_run: "DagRun") -> list[Ending]:
    """Read what the run's tasks left, in the order of time: what comes first is the cause of the rest."""
    from airflow.models.xcom import XComModel  # noqa: PLC0415 - every task loads this plugin, none needs the model
    from sqlalchemy import select  # noqa: PLC0415 - as above
    from sqlalchemy.orm import object_session  # noqa: PLC0415 - as above

    session: Any = object_session(dag_run)
    query = (
        select(XComModel.value)
        .where(XComModel.dag_run_id == dag_run.id, XComModel.key == KEY)
        .order_by(XComModel.timestamp, XComModel.map_index)
    )
    return read(session.scalars(query))
