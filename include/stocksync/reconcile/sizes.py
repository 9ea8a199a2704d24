"""How finely the work on a range is cut."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """What is done at once. The result does not depend on it; memory, speed and the shop's patience do.

    Attributes:
        batch: products the ledger streams at once, which are also the keys of one MGET: a longer one holds Redis up
            for everyone else
        group: suspects and invalid products after which a group is handed on: a bad night's memory, a commit's size
        checkpoint: seconds of scanning after which a group is handed on however small it is: what a death costs
        together: full groups that are published, saved and cleared at once, because more of them follow at once: a
            bad night's waiting for Kafka and for Airflow; a death leaves as many in the outbox
        settling: groups that wait for their second look at once; bounds the memory of a bad night
        commit: products one script restores: 200 take about half a millisecond, in which Redis serves nobody else
        moving: products a range looks at again at its end because they kept changing; more wait for the next run
        looks: how often those are looked at, as far apart as a difference must stand
        closing: seconds kept at the end of a run's time, beside the settling, to act on what was compared last
    """

    batch: int = 1000
    group: int = 500
    checkpoint: float = 3.0
    together: int = 4
    settling: int = 64
    commit: int = 200
    moving: int = 1000
    looks: int = 4
    closing: float = 5.0


STANDARD = Sizes()
