"""What one run is: decided once, in its first task, and handed to every other."""

from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo

from stocksync.model.finding import RunIdentity

# The part of the time limit kept for the last settled group, the drain and the summary.
_RESERVE_SHARE = 0.1
_RESERVE_AT_MOST = timedelta(seconds=90)


@dataclass(frozen=True, slots=True)
class RunPlan:
    """A run's identity, mode, limits and times.

    Attributes:
        run_id: Airflow's run id
        run_type: Airflow's run type
        date: local date, YYYY-MM-DD
        dry_run: compare and report only: no write, no event
        dry_run_reason: why, in words; empty for a run that works
        pass_number: 0, and one more each time the run was cleared
        batch_size: product ids in a batch
        auto_restore_limit: largest difference restored without a person
        started_at: ISO 8601 with offset
        stop_at: ISO 8601 with offset: no new group is begun after this
        schema_id: the registry's number for the event's schema, the same for every copy; None: no registry
        had_holds: whether there were holds last night, or when the run began: none at all is not believed then
    """

    run_id: str
    run_type: str
    date: str
    dry_run: bool
    dry_run_reason: str
    pass_number: int
    batch_size: int
    auto_restore_limit: int
    started_at: str
    stop_at: str
    schema_id: int | None = None
    had_holds: bool = False

    @property
    def identity(self) -> RunIdentity:
        """The part that events carry."""
        return RunIdentity(self.run_id, self.run_type, self.date)

    def last_call(self, limit: timedelta) -> datetime:
        """After this no attempt at the run's last tasks has the time to end before Airflow ends the run.

        Args:
            limit: how long Airflow lets a run take
        """
        return self.stop_time + (datetime.fromisoformat(self.started_at) + limit - self.stop_time) / 2

    @property
    def stop_time(self) -> datetime:
        """`stop_at` as an instant."""
        return datetime.fromisoformat(self.stop_at)

    def to_dict(self) -> dict[str, Any]:
        """As JSON for XCom."""
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Self:
        """Undo `to_dict`."""
        return cls(**raw)


def local_date(instant: datetime, zone: ZoneInfo) -> date:
    """The date a run belongs to: 02:00 in Seoul is still yesterday in UTC."""
    return instant.astimezone(zone).date()


def dry_run_reason(*, asked: bool, run_date: date, today: date) -> str:
    """Say why a run must not touch anything; empty if it may.

    Stock has no history: comparing today's stores under another day's name is a look, not a repair.
    """
    if asked:
        return "dry_run was asked for"
    if run_date != today:
        return f"the run's date {run_date} is not today, {today}"
    return ""


def stop_time(started: datetime, limit: timedelta) -> datetime:
    """When a run stops beginning new work, so that it ends itself before Airflow ends it."""
    return started + limit - min(limit * _RESERVE_SHARE, _RESERVE_AT_MOST)
