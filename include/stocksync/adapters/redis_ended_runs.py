"""Summaries of runs that Airflow ended before they could hand one out, beside the counters in Redis."""

import json

from stocksync.adapters.redis_errors import translated
from stocksync.adapters.redis_spaces import Client, space_of
from stocksync.model.summary import RunSummary

_KEEP_SECONDS = 7 * 24 * 3600


class RedisEndedRuns:
    """A callback has no XCom to write to, so these summaries have a place of their own.

    Args:
        client: a client without decode_responses
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._keys = space_of(client).keys

    def keep(self, summary: RunSummary) -> None:
        """Keep a run's summary for a week.

        Raises:
            CacheUnavailable: Redis did not answer, or takes no writes.
        """
        with translated("keeping the summary of a run that was ended"):
            self._client.set(self._keys.ended_run(summary.run_id), json.dumps(summary.to_dict()), ex=_KEEP_SECONDS)

    def summary_of(self, run_id: str) -> RunSummary | None:
        """Give it, if there is one.

        Raises:
            CacheUnavailable: Redis did not answer.
        """
        with translated("reading the summary of a run that was ended"):
            raw = self._client.get(self._keys.ended_run(run_id))
        return None if raw is None else RunSummary.from_dict(json.loads(raw))
