"""A broker that is down, silent, picky or half deaf: what it did not acknowledge stays in the outbox."""

import pytest

from local.servers.kafka import Kafka
from local.servers.ports import free_port
from stocksync.adapters.kafka import IdempotentProducer, KafkaAlertPublisher
from stocksync.errors import BadSetting, PublishFailed
from tests.kit.fakes.stores import ENCODER
from tests.kit.promises import assert_promises
from tests.kit.proxy import CUT_BEFORE, HANG, LOSE_REPLY, Fault, Proxy
from tests.kit.real_shop import RealShop
from tests.kit.retried_run import ROWS, RetriedRun

FOUND = 21  # seven of ten products differ


class HastyPublisher(KafkaAlertPublisher):
    def check(self, timeout=1.0):
        super().check(timeout)


class HastyShop(RealShop):
    """Its producer gives up after a second, not after half a minute."""

    options = {}  # noqa: RUF012 - a test sets its own

    def publisher(self):
        hasty = {"linger.ms": 1, "delivery.timeout.ms": 1000, "request.timeout.ms": 500, "retry.backoff.ms": 20}
        producer = IdempotentProducer({**hasty, **self.options, **self.servers})
        return HastyPublisher(producer, self.topic, ENCODER, patience=1.5)


class BehindProxy(Kafka):
    """A broker whose clients are told to come by way of a proxy."""

    def __init__(self, run, gate):
        super().__init__(run)
        self.gate = gate

    def _prepare(self):
        process = super()._prepare()
        process.name = "kafka-behind-proxy"
        told = process.command.index("--advertised-listener-url")
        process.command[told + 1] = f"tcp://127.0.0.1:{self.gate}"
        return process


@pytest.fixture(scope="module")
def gate(run_folder):
    """A proxy, and a broker behind it."""
    port = free_port()
    with BehindProxy(run_folder, port) as broker, Proxy(broker.host, broker.port, listen=port) as proxy:
        broker.create_topic("test.gate")
        yield proxy


@pytest.fixture
def night(database, cache, kafka, topic):
    return RetriedRun(HastyShop(database, cache, kafka.client, topic))


@pytest.fixture
def gated(database, cache, gate):
    night = RetriedRun(HastyShop(database, cache, {"bootstrap.servers": f"127.0.0.1:{gate.port}"}, "test.gate"))
    yield night
    gate.heal()


def outbox(night):
    return night.shop.cache.hlen(f"sync:stock:outbox:{night.plan.run_id}:0")


def is_produce(request):
    return request[4:6] == b"\0\0"  # the length of the request, then its kind: 0 is Produce


@pytest.mark.fault(14)
def test_a_silent_broker_makes_the_attempt_red_and_the_next_one_publishes_what_was_kept(night, kafka):
    kafka.process.pause()
    assert night.attempt() is None
    kafka.process.resume()

    assert isinstance(night.errors[0], PublishFailed)
    assert "stock_kafka" in str(night.errors[0])
    assert outbox(night) == FOUND
    assert_promises(night.shop, ROWS, night.finish())


@pytest.mark.fault(14)
def test_what_no_attempt_could_publish_is_drained_by_the_next_run(night, kafka):
    kafka.process.pause()
    assert night.attempt() is None
    kafka.process.resume()
    night.shop.cache.delete(f"sync:stock:{night.plan.date}")

    night.shop.run()

    assert {copy.headers["stock-sync-run-id"] for copy in night.shop.copies()} >= {night.plan.run_id}
    assert len([c for c in night.shop.copies() if c.headers["stock-sync-run-id"] == night.plan.run_id]) == FOUND
    assert outbox(night) == 0


@pytest.mark.fault(14)
def test_an_unknown_topic_names_the_setting_and_loses_nothing(night, kafka):
    right, night.broken.topic = night.broken.topic, "test.nobody.made.it"

    assert night.attempt() is None
    assert isinstance(night.errors[0], BadSetting)
    assert "STOCK_SYNC_TOPIC" in str(night.errors[0])
    assert outbox(night) == FOUND

    night.broken.topic = right
    assert_promises(night.shop, ROWS, night.finish())


@pytest.mark.fault(14)
def test_a_message_the_broker_finds_too_large_stays_in_the_outbox_and_the_run_is_red(night):
    night.broken.options = {"message.max.bytes": 1000}
    huge = [("x" * 1500, 100, 99)]
    night.shop.stock(huge)

    assert night.attempt() is None
    assert isinstance(night.errors[0], PublishFailed)
    assert outbox(night) == FOUND + 1

    night.broken.options = {}
    assert_promises(night.shop, ROWS + huge, night.finish())


@pytest.mark.fault(4, 14)
@pytest.mark.parametrize("how", [CUT_BEFORE, LOSE_REPLY, HANG])
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
def test_an_acknowledgement_that_never_comes_is_not_taken_for_one(gated, gate, how, lasting):
    gate.fail(Fault(how, matches=is_produce, lasting=lasting))

    outcome = gated.attempt()
    assert gate.happened
    gate.heal()
    gate.cut()

    assert (outcome is None) >= lasting
    assert all(isinstance(error, PublishFailed) for error in gated.errors)
    assert outbox(gated) == (FOUND if outcome is None else 0)
    assert_promises(gated.shop, ROWS, gated.finish(outcome))


@pytest.mark.fault(14)
@pytest.mark.parametrize("through", [1, 5, 20])
def test_a_broker_that_dies_after_some_of_them_is_given_all_of_them_again(gated, gate, through):
    gated.broken.options = {"batch.num.messages": 1, "max.in.flight.requests.per.connection": 1}
    gate.fail(Fault(CUT_BEFORE, nth=through + 1, matches=is_produce, lasting=True))

    assert gated.attempt() is None
    assert isinstance(gated.errors[0], PublishFailed)
    assert f" of {FOUND} events" in str(gated.errors[0])
    gate.heal()

    assert_promises(gated.shop, ROWS, gated.finish())
