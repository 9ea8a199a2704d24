"""The operations store as the page reads it, on Airflow's connections."""

from collections.abc import Iterator
from contextlib import contextmanager

from stocksync.adapters.ops_pages import OpsPages
from stocksync.adapters.redis_client import Patience
from stocksync.bootstrap import Bootstrap
from stocksync.entrypoints.connections import AirflowClients
from stocksync.settings import Settings


class NoStore(Exception):
    """No operations store is configured."""


IMPATIENT = Patience(connect_s=2, answer_s=2, retries=0)
"""Of a client for a page: its reader looks again sooner than a run would."""


def bootstrapped() -> Bootstrap:
    """Put the product together, for reading with a person waiting."""
    settings = Settings.load()
    return Bootstrap(AirflowClients(settings), settings, patience=IMPATIENT)


@contextmanager
def reading() -> Iterator[OpsPages]:
    """Give what reads for one page.

    Raises:
        NoStore: connection stock_ops is not defined.
        BadSetting: it, or the schema, or the role has to be mended by a person.
        OperationsUnavailable: the server does not answer, or not in time.
    """
    store = bootstrapped().operations
    if store is None:
        raise NoStore
    with store.transaction("reading for the page", readonly=True) as cursor:
        yield OpsPages(cursor)
