"""Where a night happens: on embedded services, or on a company's."""

from contextlib import ExitStack, contextmanager
from io import StringIO

from rich.console import Console

from local.connections import PRODUCT_DB, STOCK_KAFKA, STOCK_REDIS
from local.progress import Steps
from local.run_folder import RunFolder
from local.stack import Stack
from tests.cluster.company import Company
from tests.shop import Shop


@contextmanager
def place(kind, *, company):
    """A stack without Airflow, and its shop; at a company the DAGs have fewer rights there than the shop's owner."""
    with ExitStack() as end:
        at = end.enter_context(Company()) if company else None
        run = end.enter_context(RunFolder(kind))
        steps = end.enter_context(Steps(Console(file=StringIO())))
        stack = end.enter_context(Stack(run, steps, at.environment if at else {}))
        yield stack, at.shop if at else _shop_of(stack)


def _shop_of(stack):
    cache, servers = stack.connection(STOCK_REDIS).redis(), stack.connection(STOCK_KAFKA).kafka()
    return Shop(stack.connections[PRODUCT_DB], cache, servers, stack.names.topic)
