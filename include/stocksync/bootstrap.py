"""The one place where objects are put together: clients and settings in, services out.

The DAGs' tasks, the tests, the kill schedules and the benchmarks all go through it, so that what is proven is what runs
at night.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import timedelta
from functools import cached_property
from typing import Protocol

import redis
from confluent_kafka import Consumer
from psycopg2.extensions import connection as PostgresConnection  # noqa: N812 - it is a class

from stocksync.adapters.avro import Encoder, SingleObjectCodec, event_schema
from stocksync.adapters.avro_confluent import ConfluentEncoder, EventReader, UnusableWriters
from stocksync.adapters.clock import SystemClock
from stocksync.adapters.decision_engine import Amounts, DecisionEngine
from stocksync.adapters.dry_run import NoLock, NoOutbox, NoPublisher, NoUnfinished
from stocksync.adapters.event_codec import EventDecoder, EventEncoder
from stocksync.adapters.kafka import IdempotentProducer, KafkaAlertPublisher
from stocksync.adapters.kafka_source import KafkaAlertSource, KafkaDeadLetters
from stocksync.adapters.ledger_less_holds import LedgerLessHolds
from stocksync.adapters.ops_database import OpsDatabase
from stocksync.adapters.ops_decisions import OpsDecisions
from stocksync.adapters.ops_findings import OpsFindings
from stocksync.adapters.ops_memory import OpsDeadLetterLog, OpsDeliveryLog, OpsFailureLog, OpsOpenIncidents
from stocksync.adapters.ops_runs import OpsRuns, OpsUnsettled
from stocksync.adapters.postgres import LedgerTable, PostgresLedger
from stocksync.adapters.postgres_ranges import cut_as_before, partition
from stocksync.adapters.present_stock import ExpectedAndCache, LedgerAndCache, LedgerAndCacheNow
from stocksync.adapters.redis_cache import RedisStockCache
from stocksync.adapters.redis_check import check_redis
from stocksync.adapters.redis_client import Patience
from stocksync.adapters.redis_cluster import ClusterAddress, ClusterClient
from stocksync.adapters.redis_cluster_cache import ClusterStockCache
from stocksync.adapters.redis_delivery_log import (
    RedisDeadLetterLog,
    RedisDeliveryLog,
    RedisFailureLog,
    RedisOpenIncidents,
)
from stocksync.adapters.redis_ended_runs import RedisEndedRuns
from stocksync.adapters.redis_holds import RedisHolds
from stocksync.adapters.redis_lock import RedisRunLock
from stocksync.adapters.redis_outbox import RedisOutbox, listed_outboxes
from stocksync.adapters.redis_sentinel import SentinelAddress
from stocksync.adapters.redis_spaces import Client, nodes_of, opened
from stocksync.adapters.redis_unfinished import RedisUnfinished
from stocksync.adapters.schema_registry import SchemaRegistry, agreed_schema_id
from stocksync.adapters.tracking_table import check_tracking_table
from stocksync.alerting.channel import Channel
from stocksync.alerting.consumer import AlertConsumer
from stocksync.alerting.failure_notice import FailureNotifier
from stocksync.alerting.history import History
from stocksync.alerting.pager_channel import PagerChannel
from stocksync.alerting.ports import (
    AlertDecoder,
    AlertSource,
    DeadLetterLog,
    DeadLetters,
    DeliveryLog,
    FindingsLog,
    Notifier,
    OpenIncidents,
    Pager,
)
from stocksync.alerting.quarantine import Quarantine
from stocksync.alerting.resolver import Resolver
from stocksync.alerting.slack_channel import SlackChannel
from stocksync.alerting.texts import AlertTexts
from stocksync.alerting.two_memories import (
    TwoDeadLetterLogs,
    TwoDeliveryLogs,
    TwoFailureLogs,
    TwoOpenIncidents,
)
from stocksync.errors import BadSetting, ConnectionsUnavailable, OperationsUnavailable, StockSyncError
from stocksync.model.finding import RunIdentity
from stocksync.model.id_range import IdRange
from stocksync.model.permission import Permission
from stocksync.model.plan import RunPlan
from stocksync.model.policy import WHATEVER_SIZE, MissingKeyPolicy, Rules
from stocksync.model.run_scale import ORDINARY, RunScale
from stocksync.model.summary import RunSummary
from stocksync.model.text import printable
from stocksync.reconcile import preconditions
from stocksync.reconcile.close_run import RunCloser
from stocksync.reconcile.ports import (
    AlertPublisher,
    Clock,
    Journal,
    ListedOutbox,
    Outbox,
    RunLock,
    StockCache,
    StockLedger,
    Unfinished,
    Unsettled,
)
from stocksync.reconcile.reconciler import Reconciler, Stores
from stocksync.reconcile.recovery import drain_all, shut_out
from stocksync.reconcile.sizes import STANDARD, Sizes
from stocksync.reconcile.taking_back import TakingBack
from stocksync.reporting.ports import CatalogueNow, RunHistory
from stocksync.reporting.report import Reporter
from stocksync.review.decision import Decision
from stocksync.review.ports import DecisionLog
from stocksync.review.recorded_topic import RecordedTopic
from stocksync.review.reviewer import Reviewer
from stocksync.settings import Settings
from stocksync.wording import Wording

log = logging.getLogger(__name__)


class Clients(Protocol):
    """Where native clients come from; each is made when it is asked for.

    Every method raises BadSetting where its connection is missing or cannot be used.
    """

    def postgres(self) -> PostgresConnection:
        """Open a connection to the ledger's database."""
        ...

    def operations(self) -> Callable[[], PostgresConnection] | None:
        """Make what opens connections to the operations store; None: there is none."""
        ...

    def redis(self) -> redis.Redis | ClusterAddress | SentinelAddress:
        """Make a client, without decode_responses: values are compared as bytes; or say where it is."""
        ...

    def producer(self) -> IdempotentProducer:
        """Make an idempotent producer."""
        ...

    def consumer(self) -> Consumer:
        """Make a consumer of the group; whoever asked closes it."""
        ...

    def registry(self) -> SchemaRegistry | None:
        """Make a client of the schema registry; None: none is configured."""
        ...


class Bootstrap:
    """Puts everything together.

    Args:
        clients: where native clients come from
        settings: the deployment's
        clock: time
        sizes: what is done at once
        patience: how long Redis is waited for
    """

    def __init__(
        self,
        clients: Clients,
        settings: Settings,
        *,
        clock: Clock | None = None,
        sizes: Sizes = STANDARD,
        patience: Patience = Patience(),  # noqa: B008 - frozen
    ) -> None:
        self._clients = clients
        self._settings = settings
        self._clock = clock or SystemClock()
        self._sizes = sizes
        self._patience = patience

    # --- stores ----------------------------------------------------------------------------------------------

    @cached_property
    def redis(self) -> Client:
        """The client, with the time limits and retries this program relies on."""
        return opened(self._clients.redis(), self._patience)

    @cached_property
    def ledger(self) -> PostgresLedger:
        """The truth."""
        settings = self._settings
        table = LedgerTable(
            settings.products_table,
            settings.id_column,
            settings.stock_column,
            settings.held_column,
            settings.name_column,
        )
        return PostgresLedger(self._clients.postgres, table, batch=self._sizes.batch)

    @cached_property
    def operations(self) -> OpsDatabase | None:
        """The operations store; None: there is none."""
        connect = self._clients.operations()
        return None if connect is None else OpsDatabase(connect)

    @cached_property
    def _second_memory(self) -> OpsDatabase | None:
        """The operations store, where what was told is remembered beside Redis; None: it is not there to use.

        One that is defined and cannot be used is a trouble that `history` tells of, when people have been told.
        """
        try:
            return self.operations
        except (BadSetting, ConnectionsUnavailable) as error:
            log.warning("%s; what is told is remembered in Redis only", error)
            return None

    def expected(self, *, had_holds: bool = False) -> StockLedger:
        """Make a view of what the counters should hold; each reads the holds for itself.

        Args:
            had_holds: whether there were holds before: none at all is then not believed
        """
        return self._less_holds(had_holds=had_holds) or self.ledger

    def cache(self) -> StockCache:
        """Make a view of the counters; each has a watch of its own."""
        client, prefix = self.redis, self._settings.key_prefix
        return (
            ClusterStockCache(client, prefix) if isinstance(client, ClusterClient) else RedisStockCache(client, prefix)
        )

    def lock(self, plan: RunPlan) -> RunLock:
        """Make the run's lock; a dry run keeps nobody out."""
        return NoLock() if plan.dry_run else self.lock_of(plan.identity)

    def lock_of(self, run: RunIdentity) -> RunLock:
        """Make the lock of any run; taking it shuts out whoever held it before."""
        return RedisRunLock(self.redis, run.date, run.run_id, lambda: self._shut_out_others(run))

    def outbox(self, plan: RunPlan, index: int) -> Outbox:
        """Make the outbox of a range; a dry run records nothing."""
        return NoOutbox() if plan.dry_run else self.outbox_of(plan.identity, index)

    def outbox_of(self, run: RunIdentity, index: int) -> Outbox:
        """Make the outbox of a range of any run."""
        return RedisOutbox(self.redis, run, index, self._settings.key_prefix, self._sizes.commit)

    def listed_outboxes(self) -> Iterable[ListedOutbox]:
        """Give every outbox that holds something, of any run."""
        return listed_outboxes(self.redis, self._settings.key_prefix, self._sizes.commit)

    def unfinished(self, plan: RunPlan) -> Unfinished:
        """Make what a run leaves to the next; a dry run leaves nothing."""
        return NoUnfinished() if plan.dry_run else self.left_to_the_next()

    def left_to_the_next(self) -> Unfinished:
        """Make what a run that works leaves to the next."""
        return RedisUnfinished(self.redis, self.ledger.source)

    def publisher(self, plan: RunPlan) -> AlertPublisher:
        """Make the topic's writer; a dry run alerts nobody. What decisions wrote gets its outcome there."""
        if plan.dry_run:
            return NoPublisher()
        topic, decisions = self.topic(plan.schema_id), self.decision_log()
        return topic if decisions is None else RecordedTopic(topic, decisions, self._clock.now)

    def topic(self, schema_id: int | None) -> AlertPublisher:
        """Make the topic's writer, whatever the run may do."""
        codec = EventEncoder(self.encoder(schema_id))
        return KafkaAlertPublisher(self._clients.producer(), self._settings.topic, codec)

    @staticmethod
    def encoder(schema_id: int | None) -> Encoder:
        """Make the format events are written in: Confluent's under an id of the registry, single objects without."""
        schema = event_schema()
        return SingleObjectCodec(schema) if schema_id is None else ConfluentEncoder(schema, schema_id)

    def reader(self) -> EventReader:
        """Make what reads events of either format; without a usable registry it reads single objects all the same."""
        try:
            writers = self._clients.registry()
        except BadSetting as error:
            return EventReader(event_schema(), UnusableWriters(error))
        return EventReader(event_schema(), writers)

    def schema_id(self) -> int | None:
        """Ask the registry for the id of the event's schema; None: no registry is configured.

        Raises:
            RegistryUnavailable: it does not answer.
            BadSetting: it does not know the schema, and it may not or cannot be registered.
        """
        registry = self._clients.registry()
        if registry is None:
            return None
        return agreed_schema_id(registry, f"{self._settings.topic}-value", self._settings.schema_registration)

    # --- the nightly run -------------------------------------------------------------------------------------

    def check(self, *, writes: bool) -> int | None:
        """Find out before the first write whether a run can work; return the event schema's id in the registry.

        What a person should know, and what does not stop the run, is in the log.

        Args:
            writes: whether the run will write and publish; a dry run needs neither topic nor registry

        Raises:
            BadSetting: a person has to change a setting or a connection first.
            LedgerUnavailable, CacheUnavailable, RegistryUnavailable, PublishFailed: a service does not answer.
        """
        for warning in self.ledger.check():
            log.warning(warning)
        self.check_operations()
        check_redis(self.redis, self._settings.key_prefix, writes=writes)
        for node in nodes_of(self.redis):
            check_tracking_table(node)
        if not writes:
            return None
        schema_id = self.schema_id()
        self.topic(schema_id).check()
        return schema_id

    def check_operations(self) -> None:
        """Find out whether the operations store, if there is one, is as this program needs it.

        That it does not answer stops no run: stock is restored all the same, and what is missing there is told.

        Raises:
            BadSetting: its schema or its role has to be mended by a person.
        """
        if self.operations is None:
            return
        try:
            self.operations.check()
        except OperationsUnavailable as error:
            log.warning("%s; the run goes on without its history", error)

    def check_holds(self, units_before: int) -> bool:
        """Find out before the first write whether the holds can be read; return whether there are or were some.

        Args:
            units_before: on hold in the latest run that is known

        Raises:
            BadSetting: they cannot: the index is of another type, or too many entries are not as the setting says.
            LedgerUnavailable, CacheUnavailable: a store does not answer.
        """
        ledger = self._less_holds(had_holds=False)
        if ledger is None:
            return False
        entries = ledger.survey()
        warning = preconditions.warn_of_vanished_holds(self._settings.holds_index or "", entries, units_before)
        if warning:
            log.error(warning)
        return bool(entries or units_before)

    def ranges(self, plan: RunPlan) -> list[IdRange]:
        """Cut the whole ledger into ranges; what the run before left comes first."""
        left = self.unfinished(plan).ranges()
        if 0 < len(left) <= self._settings.max_mapped_tasks:
            log.info("the run before did not come to its end: this one begins with what it left")
            return cut_as_before(self.ledger, left)
        return partition(self.ledger, batch_size=plan.batch_size, max_ranges=self._settings.max_mapped_tasks)

    def tried_without_a_key(self, ranges: Sequence[IdRange]) -> int:
        """Try some of the ledger's products, and each range's first: how many those are if none has a key, else 0."""
        some = self.ledger.bounds("some_ids", most=self._sizes.batch)
        ids = list(dict.fromkeys([*some, *(each.lower for each in ranges if each.lower is not None)]))
        return len(ids) if all(value is None for value in self.cache().read(ids)) else 0

    def stores(self, plan: RunPlan, index: int, journal: Journal) -> Stores:
        """Put together what a reconciliation reads from and writes to."""
        return Stores(
            ledger=self.expected(had_holds=plan.had_holds),
            cache=self.cache(),
            outbox=self.outbox(plan, index),
            lock=self.lock(plan),
            publisher=self.publisher(plan),
            journal=journal,
            clock=self._clock,
            unsettled=self.unsettled(plan),
        )

    def reconciler(
        self,
        plan: RunPlan,
        id_range: IdRange,
        journal: Journal,
        reached: Callable[[str], None] = lambda _step: None,
        permission: Permission | None = None,
    ) -> Reconciler:
        """Make what reconciles one range.

        Args:
            plan: the run
            id_range: the range
            journal: where its progress survives its worker
            reached: called with the name of each step that is passed (the tests kill the process there)
            permission: what a person allowed to be restored; None: the rules decide
        """
        settings = self._settings
        by_rules = Rules(plan.auto_restore_limit, settings.missing_key_policy)
        return Reconciler(
            self.stores(plan, id_range.index, journal),
            plan,
            by_rules if permission is None else WHATEVER_SIZE,
            settle=timedelta(seconds=settings.settle_seconds),
            pace=settings.pace(id_range.of),
            sizes=self._sizes,
            permission=permission,
            reached=reached,
        )

    def unsettled(self, plan: RunPlan) -> Unsettled | None:
        """Make what notes products that kept changing; a dry run notes nothing, as it publishes nothing."""
        store = None if plan.dry_run else self._second_memory
        return None if store is None else OpsUnsettled(OpsRuns(store), plan.identity)

    def forget_history(self) -> int:
        """Take away what is past its time in the operations store; return how many rows that were.

        Raises:
            BadSetting, OperationsUnavailable: it could not be done.
        """
        return 0 if self.operations is None else OpsRuns(self.operations).forget(self._settings.history_days)

    def record(self, summary: RunSummary, *, complete_catalogue: bool) -> None:
        """Note a run in the operations store, if there is one; no run is red because it could not be noted.

        Args:
            summary: the run in numbers
            complete_catalogue: whether it was over all products; False: over chosen ones
        """
        try:
            if self.operations is not None:
                OpsRuns(self.operations).record(summary, complete_catalogue=complete_catalogue)
        except StockSyncError:
            log.exception("run %s is not in the history", printable(summary.run_id, 250))

    def ended_runs(self) -> RedisEndedRuns:
        """Make what keeps the summaries of runs that Airflow ended."""
        return RedisEndedRuns(self.redis)

    def drain(self, plan: RunPlan) -> int:
        """Publish what dead tasks left in their outboxes; return how many events that were."""
        return drain_all(
            self.listed_outboxes(),
            self.publisher(plan),
            run_id=plan.run_id,
            at_work=lambda run: self.lock_of(run).is_held(),
        )

    def closer(self, plan: RunPlan) -> RunCloser:
        """Make what adds a run up."""
        return RunCloser(
            plan,
            lambda index: self.outbox(plan, index),
            self.expected(),
            self.unfinished(plan),
            self._clock,
            limits=self._settings.alarm_limits,
            refills=self._settings.missing_key_policy is MissingKeyPolicy.RESTORE,
        )

    # --- decisions -------------------------------------------------------------------------------------------

    def decision_log(self) -> DecisionLog | None:
        """Make the audit of decisions; None: there is no operations store."""
        return None if self.operations is None else OpsDecisions(self.operations)

    def is_decision(self, run_id: str) -> bool:
        """Tell whether a run carries out a person's decision; where that cannot be looked up now, it may be one."""
        decisions = self.decision_log()
        try:
            return decisions is not None and decisions.find(run_id) is not None
        except OperationsUnavailable as error:
            log.warning("whether run %s is a decision cannot be looked up: %s", printable(run_id, 250), error)
            return True

    def reviewer(self, decisions: DecisionLog) -> Reviewer:
        """Make what carries decisions out."""
        return Reviewer(decisions, self.stock_now(), self._clock.now)

    def stock_now(self) -> ExpectedAndCache:
        """Make the view of single products in both stores as they are."""
        return ExpectedAndCache(self.expected(), self.cache())

    def decision_engine(
        self, plan: RunPlan, journal: Journal, reached: Callable[[str], None] = lambda _step: None
    ) -> DecisionEngine:
        """Make what writes for a decision; the arguments are those of `reconciler`."""

        def taking_back(id_range: IdRange, decision: Decision, amounts: Amounts) -> TakingBack:
            return TakingBack(
                self.stores(plan, id_range.index, journal),
                plan,
                approved_by=decision.decided_by,
                reason=decision.reason,
                amounts=amounts,
                sizes=self._sizes,
                reached=reached,
            )

        return DecisionEngine(
            lambda id_range, permission: self.reconciler(plan, id_range, journal, reached, permission), taking_back
        )

    # --- people ----------------------------------------------------------------------------------------------

    def check_memory(self) -> None:
        """Find out whether what was told can be remembered, before anybody is told.

        Raises:
            BadSetting: a person has to change the connection, the account or the server first.
            CacheUnavailable: Redis does not answer.
        """
        check_redis(self.redis, self._settings.key_prefix, writes=True)

    def delivery_log(self, channel: str) -> DeliveryLog:
        """Make what remembers what a channel has told."""
        first, ops = RedisDeliveryLog(self.redis, channel), self._second_memory
        return first if ops is None else TwoDeliveryLogs(first, OpsDeliveryLog(ops, channel))

    def open_incidents(self) -> OpenIncidents:
        """Make the list of open incidents."""
        first, ops = RedisOpenIncidents(self.redis), self._second_memory
        return first if ops is None else TwoOpenIncidents(first, OpsOpenIncidents(ops))

    def history(self) -> History:
        """Make what keeps every event; without an operations store nobody does."""
        try:
            if self.operations is not None:
                self.operations.check()
        except StockSyncError as error:
            return History(None, error)
        return History(self.findings_log())

    def findings_log(self) -> FindingsLog | None:
        """Make the history in the operations store; None: there is no store."""
        return None if self.operations is None else OpsFindings(self.operations)

    def source(self, consumer: Consumer) -> AlertSource:
        """Make the topic's reader."""
        return KafkaAlertSource(consumer, self._settings.topic)

    def decoder(self) -> AlertDecoder:
        """Make what turns messages into events."""
        return EventDecoder(self.reader().decode)

    def dead_letters(self) -> DeadLetters:
        """Make the topic of what nobody can read."""
        settings = self._settings
        return KafkaDeadLetters(self._clients.producer, settings.topic, settings.dead_letter_topic)

    def dead_letter_log(self) -> DeadLetterLog:
        """Make what remembers what was put aside."""
        first, ops = RedisDeadLetterLog(self.redis), self._second_memory
        return first if ops is None else TwoDeadLetterLogs(first, OpsDeadLetterLog(ops))

    def slack_channel(self, notifier: Notifier) -> Channel:
        """Make the channel of messages."""
        return SlackChannel(notifier, self.delivery_log("slack"), self._texts)

    def pager_channel(self, pager: Pager) -> Channel:
        """Make the channel of incidents."""
        return PagerChannel(pager, self.delivery_log("pagerduty"), self.open_incidents(), self._texts)

    def consumer(
        self,
        source: AlertSource,
        channels: Collection[str],
        publishing: Callable[[str], bool],
        scale: Callable[[str], RunScale] = lambda _run_id: ORDINARY,
    ) -> AlertConsumer:
        """Make what reads the topic and sorts.

        Args:
            source: the topic
            channels: names of the channels that are configured
            publishing: whether a run, by its id, may still publish
            scale: how much a run, by its id, found
        """
        return AlertConsumer(
            source=source,
            decoder=self.decoder(),
            quarantine=Quarantine(self.dead_letters(), self.dead_letter_log()),
            delivered={name: self.delivery_log(name) for name in channels},
            history=self.history(),
            publishing=publishing,
            scale=scale,
            now=self._clock.now,
            zone=self._settings.zone,
        )

    def resolver(self, pager: Pager) -> Resolver:
        """Make what closes incidents."""
        settings = self._settings
        return Resolver(
            self.open_incidents(),
            pager,
            LedgerAndCache(self.expected(), self.cache()),
            Rules(settings.auto_restore_limit, settings.missing_key_policy),
        )

    def failure_notifier(self, notifier: Notifier | None) -> FailureNotifier:
        """Make what tells of red and late runs."""
        first, ops = RedisFailureLog(lambda: self.redis), self._second_memory
        failure_log = first if ops is None else TwoFailureLogs(first, OpsFailureLog(ops))
        return FailureNotifier(notifier, failure_log, self._wording, self._settings.slack_mention)

    def catalogue_now(self) -> CatalogueNow:
        """Make the view of both stores as they are."""
        return LedgerAndCacheNow(self.ledger, self.cache())

    def reporter(self, history: RunHistory, catalogue: Callable[[], CatalogueNow] | None = None) -> Reporter:
        """Make what writes the daily report.

        Args:
            history: the runs and the earlier reports
            catalogue: opens both stores, for how products stand when the report is written; None: nobody looks
        """
        settings = self._settings
        rules = Rules(settings.auto_restore_limit, settings.missing_key_policy)
        return Reporter(history, catalogue, rules, self._wording, settings.zone, limits=settings.alarm_limits)

    def _shut_out_others(self, run: RunIdentity) -> None:
        shut_out(self.listed_outboxes(), run_id=run.run_id, at_work=lambda other: self.lock_of(other).is_held())

    def _less_holds(self, *, had_holds: bool) -> LedgerLessHolds | None:
        form, index = self._settings.holds, self._settings.holds_index
        if form is None or index is None:
            return None
        return LedgerLessHolds(self.ledger, RedisHolds(self.redis, index), form, had_holds=had_holds)

    @cached_property
    def _texts(self) -> AlertTexts:
        return AlertTexts(self._wording, self._settings.zone, self._settings.slack_mention)

    @cached_property
    def _wording(self) -> Wording:
        return Wording(self._settings.locale)
