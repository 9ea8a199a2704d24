"""Airflow's public REST API, the little of it that the commands need."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

NOT_FOUND = 404


class AirflowApi:
    """A client that logs in by itself.

    Args:
        url: where the API server listens.
        user: whom to log in as.
        password: that user's password.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        self._url = url
        self._login = {"username": user, "password": password}
        self._token: str | None = None
        # Never through a proxy: it is on this machine.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def health(self) -> dict[str, Any]:
        """Return the components' health, empty while the API server does not answer.

        The tasks' own API makes itself ready when it is first asked, which takes seconds: better here than in a task.
        """
        try:
            self._request("GET", "/execution/health")
            return dict(self._request("GET", "/api/v2/monitor/health"))
        except (urllib.error.URLError, ConnectionError):
            return {}

    def get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """Read something."""
        return self.authorized("GET", path)

    def dag_exists(self, dag: str) -> bool:
        """Whether the DAG processor has read the DAG."""
        try:
            self.get(f"/dags/{dag}")
        except urllib.error.HTTPError as error:
            if error.code == NOT_FOUND:
                return False
            raise
        return True

    def unpause(self, dag: str) -> None:
        """Switch a DAG on; with catchup off its latest missed run starts at once."""
        self.authorized("PATCH", f"/dags/{dag}", {"is_paused": False})

    def trigger(self, dag: str, conf: Mapping[str, object] | None = None) -> str:
        """Start a run by hand and return its id."""
        run = self.authorized("POST", f"/dags/{dag}/dagRuns", {"logical_date": None, "conf": dict(conf or {})})
        return str(run["dag_run_id"])

    def backfill(self, dag: str, first: str, last: str, *, again: str = "none", at_once: int = 2) -> int:
        """Start a backfill of the ticks between two instants (ISO 8601) and return its id.

        Args:
            dag: its id
            first: the earliest tick
            last: the latest tick
            again: which ticks that had a run before are run again: none, failed or completed
            at_once: most runs at the same time
        """
        body = {"dag_id": dag, "from_date": first, "to_date": last, "reprocess_behavior": again}
        body["max_active_runs"] = at_once
        return int(self.authorized("POST", "/backfills", body)["id"])

    def runs(self, dag: str) -> list[dict[str, Any]]:
        """Return the runs of a DAG, oldest first."""
        return list(self.get(f"/dags/{dag}/dagRuns?order_by=id&limit=100")["dag_runs"])

    def run(self, dag: str, run_id: str) -> dict[str, Any]:
        """Return one run."""
        return dict(self.get(f"/dags/{dag}/dagRuns/{urllib.parse.quote(run_id)}"))

    def tasks(self, dag: str, run_id: str) -> list[dict[str, Any]]:
        """Return the task instances of one run."""
        path = f"/dags/{dag}/dagRuns/{urllib.parse.quote(run_id)}/taskInstances?limit=100"
        return list(self.get(path)["task_instances"])

    def result(self, dag: str, run_id: str, task: str) -> Any:  # noqa: ANN401 - whatever the task returned
        """Return what a task returned."""
        run = urllib.parse.quote(run_id)
        path = f"/dags/{dag}/dagRuns/{run}/taskInstances/{task}/xcomEntries/return_value?deserialize=true"
        return self.get(path)["value"]

    def authorized(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """Ask with a token, which is fetched once; raise OSError for an answer that is no success."""
        if self._token is None:
            self._token = self._request("POST", "/auth/token", self._login)["access_token"]
        return self._request(method, f"/api/v2{path}", body, {"Authorization": f"Bearer {self._token}"})

    def _request(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401 - JSON
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - the URL is our own
            self._url + path, data, {"Content-Type": "application/json", **(headers or {})}, method=method
        )
        with self._opener.open(request, timeout=30) as answer:
            return json.load(answer)
