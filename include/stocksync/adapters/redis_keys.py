"""The Redis keys the program owns: everything under `sync:stock:`. It writes nothing else but the counters."""

OWN = "sync:stock:"


class OwnKeys:
    """Their names. Two that are used in one step have to be in one slot of a cluster: there all of these are.

    Args:
        tag: what a name has before it, so that it is in that slot; empty on one server

    Attributes:
        outboxes: hash: outbox -> which run it belongs to (JSON); it is listed as long as it may hold something
        unfinished: string: what the latest run over the whole ledger left to the next one (JSON); missing: nothing
        dead_letters: string: tokens of the places of messages that were put aside, end to end
        incidents: hash: dedup key -> open incident (JSON)
    """

    def __init__(self, tag: str = "") -> None:
        self._own = f"{OWN}{tag}"
        self.outboxes = f"{self._own}outboxes"
        self.unfinished = f"{self._own}unfinished"
        self.dead_letters = f"{self._own}told:dlq:quarantined"
        self.incidents = f"{self._own}incidents"

    def lock(self, date: str) -> str:
        """The run lock of a local date (YYYY-MM-DD)."""
        return f"{self._own}{date}"

    def progress(self, run_id: str) -> str:
        """Hash: of each range `{index}` its progress (JSON), `:epoch` of its writer, `:slots` it announced (JSON)."""
        return f"{self._own}progress:{run_id}"

    def ended_run(self, run_id: str) -> str:
        """String: the summary of a run that Airflow ended (JSON)."""
        return f"{self._own}ended:{run_id}"

    def told(self, channel: str, group: str) -> str:
        """String: tokens of the events a channel has told about a group, end to end."""
        return f"{self._own}told:{channel}:{group}"

    def sent(self, channel: str, group: str) -> str:
        """String: how much a channel has told about a group (JSON)."""
        return f"{self._own}sent:{channel}:{group}"

    def failure(self, dag_id: str) -> str:
        """String: people were told lately that this DAG fails."""
        return f"{self._own}failure:{dag_id}"


def outbox(run_id: str, index: int, tag: str = "") -> str:
    """Hash: product id -> finding (JSON), of one range of one run; in a cluster, of the products of a slot."""
    return f"{OWN}{tag}outbox:{run_id}:{index}"


def fence(run_id: str, index: int, tag: str = "") -> str:
    """String: the lowest epoch that may write to that outbox, and to the counters of its slot; missing: any may."""
    return f"{OWN}{tag}fence:{run_id}:{index}"
