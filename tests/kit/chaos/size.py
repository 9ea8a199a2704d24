"""How much is tried: a slice in `make test`, more in `make chaos`, one seed again with CHAOS_SEED."""

import os

SEED = os.environ.get("CHAOS_SEED")
SCHEDULES = int(os.environ.get("CHAOS_SCHEDULES", "25"))
ORDERS = int(os.environ.get("CHAOS_ORDERS", "12000"))
EXAMPLES = int(os.environ.get("CHAOS_EXAMPLES", "25"))


def seeds():
    """The schedules to play: one to replay, or as many as were asked for."""
    return [int(SEED)] if SEED else list(range(SCHEDULES))
