"""One more API server of an Airflow that is at work, with another address."""

from contextlib import contextmanager
from copy import copy

from local.servers.airflow_api import AirflowApi
from local.servers.ports import free_port


@contextmanager
def second_door(airflow, path):
    """Open it.

    Args:
        airflow: whose DAGs and users it has
        path: below which people reach it
    """
    door = copy(airflow)
    port = free_port()
    door.url = f"http://127.0.0.1:{port}{path}"
    door.api = AirflowApi(door.url, airflow.user, airflow.password)
    door.settings = airflow.settings | {"AIRFLOW__API__BASE_URL": door.url, "AIRFLOW__API__PORT": str(port)}
    server = door._program("api-server-below", ["api-server"]).start()
    try:
        server.wait_until(door.api.health, "answer below a path", 120)
        yield door
    finally:
        server.kill()
