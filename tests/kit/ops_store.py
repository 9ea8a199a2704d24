"""An operations store for tests: a database of its own with the schema, a worker and a page."""

import secrets
from dataclasses import dataclass

import psycopg2
import pytest

from stocksync import migrations
from stocksync.adapters.ops_database import OpsDatabase
from tests.kit.database import execute


@dataclass(frozen=True)
class OpsStore:
    """Where it is: addresses for the owner, the worker and the page."""

    owner: str
    worker: str
    page: str

    @property
    def database(self):
        """The store as the DAGs have it."""
        return OpsDatabase(lambda: psycopg2.connect(self.worker, connect_timeout=3))

    def rows(self, query, *values):
        """What the owner sees."""
        return execute(self.owner, query, *values)


@pytest.fixture
def ops_store(postgres, database):
    """A store that holds nothing."""
    roles = [postgres.create_role(f"{kind}_{secrets.token_hex(4)}") for kind in ("worker", "page")]
    name = database.rpartition("/")[2]
    migrations.upgrade(migrations.connect_to(database), worker=roles[0].name, page=roles[1].name)
    return OpsStore(database, *(postgres.uri_of(name, role) for role in roles))
