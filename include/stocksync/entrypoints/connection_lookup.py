"""Finding a connection, and telling one that is not defined from one that is and cannot be read.

Airflow's own search goes on to the next place where one fails, and says "not defined" in the end. Then people are not
told, or another Redis is written to, and the run is green.
"""

from collections.abc import Callable, Iterable
from typing import Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import ErrorResponse, GetConnection
from airflow.sdk.execution_time.secrets import ExecutionAPISecretsBackend
from airflow.sdk.execution_time.supervisor import ensure_secrets_backend_loaded

from stocksync.entrypoints.connection_parts import is_whole, unreadable
from stocksync.errors import BadSetting, ConnectionsUnavailable


def find(conn_id: str) -> Any | None:  # noqa: ANN401 - Airflow's Connection
    """Return a connection; None: no place where Airflow keeps connections has it.

    Raises:
        BadSetting: it is set, and cannot be read.
        ConnectionsUnavailable: a place did not answer, so that nobody knows whether it has the connection.
    """
    if not _is_defined(conn_id, ensure_secrets_backend_loaded()):
        return None
    try:
        return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:  # a place that answered a moment ago does not now
        raise ConnectionsUnavailable(
            f"connection {conn_id} was there and is gone; the next attempt asks again"
        ) from None


def get(conn_id: str) -> Any:  # noqa: ANN401 - as above
    """Return a connection that has to be there; raises as `find`, and BadSetting where it is not defined."""
    connection = find(conn_id)
    if connection is None:
        raise BadSetting(
            f"connection {conn_id} is not defined; allowed: an Airflow connection, for example in "
            f"AIRFLOW_CONN_{conn_id.upper()}"
        )
    return connection


def _is_defined(conn_id: str, places: Iterable[Any]) -> bool:
    """Ask the places in Airflow's order, and stop at the first that has it or fails."""
    for place in places:
        ask = _has_as_supervisor if isinstance(place, ExecutionAPISecretsBackend) else _has
        if ask(place, conn_id):
            return True
    return False


def _has(place: Any, conn_id: str) -> bool:  # noqa: ANN401 - a secrets backend
    """Whether a place has it, and it can be read."""
    name = type(place).__name__
    try:
        text = _answer(name, conn_id, lambda: place.get_conn_value(conn_id))
    except NotImplementedError:  # it has connections as a whole, not as texts
        return _answer(name, conn_id, lambda: place.get_connection(conn_id)) is not None
    if not text:
        return False
    try:
        place.deserialize_connection(conn_id, text)
        whole = is_whole(text)
    except Exception:  # noqa: BLE001 - whatever a parser may raise; what it complains of may show a password
        whole = False
    if not whole:
        raise unreadable(conn_id, f" (in {name})")
    return True


def _answer(name: str, conn_id: str, ask: Callable[[], Any]) -> Any:  # noqa: ANN401 - text or Connection
    try:
        return ask()
    except NotImplementedError:
        raise
    except Exception as error:  # noqa: BLE001 - as many kinds as there are places
        raise ConnectionsUnavailable(
            f"{name}, where Airflow keeps connections, failed when it was asked for {conn_id} "
            f"({type(error).__name__}), so nobody knows which connection is meant; the next attempt asks again"
        ) from None


def _has_as_supervisor(_place: ExecutionAPISecretsBackend, conn_id: str) -> bool:
    """Ask Airflow's API server through the task's supervisor; its own backend takes every error for a no."""
    try:
        answer = task_runner.SUPERVISOR_COMMS.send(GetConnection(conn_id=conn_id))
    except AirflowRuntimeError as error:
        answer = error.error
    except OSError as error:  # the supervisor is gone
        raise ConnectionsUnavailable(f"Airflow did not answer when it was asked for {conn_id}: {error!r}") from error
    if not isinstance(answer, ErrorResponse):
        return answer is not None
    if answer.error is ErrorType.CONNECTION_NOT_FOUND:
        return False
    raise ConnectionsUnavailable(
        f"Airflow's API server answered {answer.error.value} when it was asked for connection {conn_id}; "
        "the next attempt asks again"
    )
