"""The ledger on a hot standby: it is read only anyway, and what it replays may end a scan."""

import signal
import time
from contextlib import closing

import psycopg2
import pytest

from local.servers.base import Server
from local.supervisor.account import unprivileged
from local.supervisor.process import Process
from stocksync.adapters.postgres_copy import CopyStream
from stocksync.adapters.postgres_ranges import partition
from stocksync.errors import LedgerUnavailable
from stocksync.reconcile.sizes import Sizes
from tests.kit.database import execute
from tests.kit.fakes.stores import FakeJournal
from tests.kit.ledger_tables import EVERYTHING, Table, ids_of
from tests.kit.real_shop import RealShop
from tests.kit.recorded_topic import RecordedTopic

CANCEL_SCANS = (
    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
    " WHERE query LIKE '%TO STDOUT%' AND pid <> pg_backend_pid() AND state = 'active'"
)


class OnStandby(RealShop):
    """Its topic is a list."""

    def publisher(self):
        return RecordedTopic([])


class Standby(Server):
    """A copy of the embedded server that replays what it writes, whoever reads here."""

    name = "hot standby"
    patience = 60

    def __init__(self, run, primary):
        super().__init__()
        self._run, self._primary = run, primary

    def _prepare(self):
        place = self._run.elsewhere()
        place.chmod(0o755)
        data, account = place / "data", unprivileged()
        data.mkdir(mode=0o700)
        if account:
            account.own(data)
        how = {"run": self._run, "account": account, "cwd": data, "discard": place}
        backup = [self._primary.programs / "pg_basebackup", "-d", self._primary.uri, "-D", data]
        copying = Process("standby-backup", [*backup, "-R", "-X", "stream", "-c", "fast"], **how)
        copying.start().complete(60)
        settings = {"listen_addresses": self.host, "unix_socket_directories": "", "fsync": "off"}
        settings |= {"max_connections": 200, "max_standby_streaming_delay": 0, "hot_standby_feedback": "off"}
        words = [f"-c{name}={value}" for name, value in settings.items()]
        server = [self._primary.programs / "postgres", f"-D{data}", f"-p{self.port}", *words]
        return Process("standby", server, stop_signal=signal.SIGINT, **how)

    def of(self, database):
        return database.replace(f":{self._primary.port}/", f":{self.port}/")

    def catch_up(self):
        """Wait until it has replayed what the other has written."""
        [(written,)] = execute(self._primary.uri, "SELECT pg_current_wal_insert_lsn()::text")
        give_up = time.monotonic() + 30
        replayed = [(False,)]
        while replayed != [(True,)]:
            assert time.monotonic() < give_up
            replayed = execute(self.of(self._primary.uri), "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", written)

    def _answers(self):
        try:
            with closing(psycopg2.connect(self.of(self._primary.uri), connect_timeout=3)):
                return True
        except psycopg2.OperationalError:
            return False


@pytest.fixture(scope="module")
def standby(run_folder, postgres):
    with Standby(run_folder, postgres) as server:
        yield server


def test_a_standby_is_a_ledger_even_where_transactions_are_serializable_by_default(standby, database):
    table = Table(database)
    table.fill(f"P{n:03d}" for n in range(100))
    table.sql(f"ALTER DATABASE {database.rpartition('/')[2]} SET default_transaction_isolation = serializable")
    standby.catch_up()
    with pytest.raises(psycopg2.NotSupportedError, match="serializable"):
        execute(standby.of(database), "SELECT 1")
    ledger = Table(standby.of(database)).ledger()

    assert ledger.check() == []
    assert sum(len(ids_of(ledger, r)) for r in partition(ledger, batch_size=10, max_ranges=64)) == 100


@pytest.mark.fault(12)
def test_a_scan_that_what_is_replayed_cancels_is_said_with_the_remedy_and_goes_on_behind_the_last_id(standby, database):
    table = Table(database)
    table.generate(60_000, digits=400)
    standby.catch_up()
    ledger = Table(standby.of(database)).ledger()
    scan = ledger.scan(EVERYTHING, None)
    seen = [raw_id.decode() for raw_id in next(scan).ids]
    table.sql("DELETE FROM products WHERE stock = 7 AND id LIKE '%9'")
    with closing(psycopg2.connect(database)) as session, session.cursor() as cursor:
        session.autocommit = True
        cursor.execute("VACUUM products")
    standby.catch_up()

    def rest():
        for batch in scan:
            seen.extend(raw_id.decode() for raw_id in batch.ids)

    with pytest.raises(LedgerUnavailable, match=r"product_db.*conflict with recovery.*hot_standby_feedback"):
        rest()
    seen += ids_of(ledger, after=seen[-1])

    assert len(seen) == len(set(seen))
    assert {i for (i,) in table.sql("SELECT id FROM products")} <= set(seen)


@pytest.mark.fault(12)
def test_a_clean_range_whose_scans_are_cancelled_again_and_again_makes_progress_each_time(
    standby, database, cache, monkeypatch
):
    """Each scan is ended after its first batches, as what is replayed ends it, by the server's own doing."""
    shop = OnStandby(database, cache, {}, "", batch_size=60_000, sizes=Sizes(batch=500)).build()
    shop.stock((f"{n:0400d}", 7, 7) for n in range(60_000))  # more than lies between the two servers
    standby.catch_up()
    shop.dsn = standby.of(database)
    plan, [whole], journal = shop.plan(), shop.ranges(), FakeJournal()
    admin, reached = standby.of(database), []
    batches = CopyStream.batches

    def cancelled(stream):
        for number, batch in enumerate(batches(stream)):
            yield batch
            if number == 9:
                execute(admin, CANCEL_SCANS)

    monkeypatch.setattr(CopyStream, "batches", cancelled)
    outcome = None
    while outcome is None:
        try:
            outcome = shop.reconcile(plan, whole, journal=journal)
        except LedgerUnavailable:
            reached.append(journal.load().position)
            assert len(reached) < 10

    assert reached == sorted(set(reached)), "an attempt made no progress"
    assert len(reached) > 1
    assert (outcome.tally.matched, outcome.unprocessed) == (60_000, 0)
