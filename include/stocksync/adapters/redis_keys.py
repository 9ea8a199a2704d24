"""The Redis keys the program owns: everything under `sync:stock:`. It writes nothing else but the counters."""

OWN = "sync:stock:"
OUTBOXES = f"{OWN}outboxes"
"""Hash: outbox key -> which run it belongs to (JSON). An outbox is listed as long as it holds something."""


UNFINISHED = f"{OWN}unfinished"
"""String: what the latest run over the whole ledger left to the next one (JSON); missing: nothing."""


def lock(date: str) -> str:
    """The run lock of a local date (YYYY-MM-DD)."""
    return f"{OWN}{date}"


def outbox(run_id: str, index: int) -> str:
    """Hash: product id -> finding (JSON), of one range of one run."""
    return f"{OWN}outbox:{run_id}:{index}"


def progress(run_id: str) -> str:
    """Hash: `{index}` -> the range's progress (JSON), `{index}:writer` -> the attempt that may write."""
    return f"{OWN}progress:{run_id}"


def ended_run(run_id: str) -> str:
    """String: the summary of a run that Airflow ended (JSON)."""
    return f"{OWN}ended:{run_id}"


def told(channel: str, group: str) -> str:
    """String: tokens of the events a channel has told about a group, end to end."""
    return f"{OWN}told:{channel}:{group}"


def sent(channel: str, group: str) -> str:
    """String: how much a channel has told about a group (JSON)."""
    return f"{OWN}sent:{channel}:{group}"


DEAD_LETTERS = f"{OWN}told:dlq:quarantined"
"""String: tokens of the places of messages that were put aside, end to end."""


def failure(dag_id: str) -> str:
    """String: people were told lately that this DAG fails."""
    return f"{OWN}failure:{dag_id}"


INCIDENTS = f"{OWN}incidents"
"""Hash: dedup key -> open incident (JSON)."""
