"""Telling people that a run failed or is late."""

import logging
from collections.abc import Sequence

from stocksync.alerting.ports import FailureLog, Notifier
from stocksync.errors import BadSetting, CacheUnavailable, ChannelDown, ChannelRefuses, MessageRefused
from stocksync.model.address import dag_run_path
from stocksync.model.notice import Message
from stocksync.model.text import printable
from stocksync.wording import Wording

log = logging.getLogger(__name__)

QUIET_S = 6 * 60 * 60
"""Seconds for which a DAG that fails every few minutes is told of once."""
_REASONS, _REASON_LENGTH = 3, 600


class FailureNotifier:
    """Posts what happened to a run. It raises nothing: the run's own failure must stay the one people see.

    Args:
        notifier: the chat; None: nobody can be told, and the log says so
        failure_log: which failures people were told lately
        wording: the templates
        mention: whom such a message names, as configured
    """

    def __init__(self, notifier: Notifier | None, failure_log: FailureLog, wording: Wording, mention: str) -> None:
        self._notifier = notifier
        self._failure_log = failure_log
        self._wording = wording
        self._mention = mention

    def failed(  # noqa: PLR0913 - what a failure is
        self,
        dag_id: str,
        run_id: str,
        reasons: Sequence[str],
        *,
        ended_by: str = "",
        came_to: str = "",
        dry_run: bool = False,
        once_in_a_while: bool = False,
    ) -> None:
        """Tell of a red run.

        Args:
            dag_id: whose run
            run_id: which one
            reasons: what its tasks said, the first cause first
            ended_by: Airflow's word for the run's end, for where its tasks said nothing
            came_to: in words, what a run came to that Airflow ended at its time limit
            dry_run: nothing could come of it, so nobody is called
            once_in_a_while: for a DAG that runs every few minutes: after one message it is quiet for QUIET_S
        """
        if once_in_a_while and self._told_lately(dag_id):
            log.info("people were told lately that %s fails", dag_id)
            return
        told = self._post(
            "failed",
            calls=not dry_run,
            dag_id=dag_id,
            run_id=run_id,
            reasons=_shown(reasons),
            ended_by=ended_by,
            came_to=came_to,
            dry_run=dry_run,
        )
        if once_in_a_while and told:
            self._remember(dag_id)

    def refused(self, dag_id: str, run_id: str, reasons: Sequence[str]) -> None:
        """Tell whoever asked for a run why it was not begun; nothing failed, so nobody is called."""
        self._post("refused", calls=False, dag_id=dag_id, run_id=run_id, reasons=_shown(reasons))

    def no_keys(self, run_id: str, key_prefix: str, tried: int) -> None:
        """Tell, before a run writes anything, that none of the products that were tried has a key."""
        self._post("no_keys", calls=True, run_id=run_id, key_prefix=key_prefix, tried=tried)

    def shrunk(self, run_id: str, products: int, before: int) -> None:
        """Tell, before a run writes anything, that the ledger has less than half of the products it had."""
        self._post("shrunk", calls=True, run_id=run_id, products=products, before=before)

    def late(self, dag_id: str, run_id: str, minutes: int) -> None:
        """Tell of a run that has not ended so many minutes after it was asked for."""
        self._post("late", calls=True, dag_id=dag_id, run_id=run_id, minutes=minutes)

    def _post(self, template: str, *, calls: bool, **fields: object) -> bool:
        if self._notifier is None:
            log.warning("Slack has no connection, so nobody is told: %s %s", template, fields)
            return False
        footer = self._wording.render("mention", mention=self._mention) if calls else ""
        path = dag_run_path(str(fields.get("dag_id", "stock_sync")), str(fields["run_id"]))
        place = self._wording.place(path)
        try:
            self._notifier.post(Message(self._wording.render(template, **fields), footer, place=place))
        except (ChannelDown, ChannelRefuses, MessageRefused):
            log.exception("nobody was told: %s %s", template, fields)
            return False
        return True

    def _told_lately(self, dag_id: str) -> bool:
        """Look it up; where it cannot be looked up, people are told."""
        try:
            return self._failure_log.told_lately(dag_id)
        except (CacheUnavailable, BadSetting) as error:
            log.warning("%s", error)
            return False

    def _remember(self, dag_id: str) -> None:
        try:
            self._failure_log.remember(dag_id, QUIET_S)
        except (CacheUnavailable, BadSetting) as error:
            log.warning("%s; people are told again the next time", error)


def _shown(reasons: Sequence[str]) -> list[str]:
    return [printable(reason, _REASON_LENGTH) for reason in reasons[:_REASONS]]
