"""What a Redis cannot do is found before a run begins, in words for a person; nothing is left behind."""

import contextlib
import logging
import socket
import ssl
import threading
from contextlib import closing

import pytest
import redis
import trustme

from local.servers.ports import free_port
from local.servers.redis import Redis, program
from local.supervisor.process import Process
from stocksync.adapters.redis_check import check_redis
from stocksync.adapters.redis_client import Patience, with_patience
from stocksync.adapters.redis_errors import translated
from stocksync.errors import BadSetting, CacheUnavailable

DEPLOYED = (
    "+ping +info +client|setname +client|id +client|tracking +select +get +mget +set +del +exists +type +ttl +expire "
    "+time +append +hget +hset +hdel +hexists +hgetall +evalsha +script|load +script|exists +multi +exec +discard"
)
HIGHEST_IN_A_CLUSTER = 55535  # its nodes talk on a port 10,000 above
HASTY = Patience(connect_s=3, answer_s=3, retries=0)


def check(client, *, writes=True):
    check_redis(with_patience(client, HASTY), "stock:", writes=writes)


@pytest.fixture
def account(cache, redis_server):
    """Make an account with these rights, and give its client."""
    clients = []

    def make(rules, keys="~stock:* ~sync:*"):
        cache.execute_command(f"ACL SETUSER limited reset on >x {keys} -@all {rules}")
        clients.append(redis.Redis(host=redis_server.host, port=redis_server.port, username="limited", password="x"))
        return clients[-1]

    yield make
    cache.execute_command("ACL DELUSER limited")
    for client in clients:
        client.close()


@pytest.fixture
def settings_of(cache):
    """Change the server's settings; they are put back."""
    before = {}

    def change(**settings):
        for name, value in settings.items():
            before.setdefault(name, cache.config_get(name.replace("_", "-"))[name.replace("_", "-")])
            cache.config_set(name.replace("_", "-"), value)

    yield change
    for name, value in before.items():
        cache.config_set(name.replace("_", "-"), value)


def test_an_account_with_the_deployed_rights_passes_and_nothing_is_left_behind(account, cache):
    check(account(DEPLOYED))
    assert cache.dbsize() == 0
    assert cache.info("stats")["tracking_total_prefixes"] == 0


@pytest.mark.parametrize(
    ("without", "named"),
    [
        ("client|tracking", "client"),
        ("evalsha", "EVALSHA"),
        ("script|load", "SCRIPT LOAD"),
        ("set", "SET"),
        ("mget", "MGET"),
        ("hdel", "HDEL"),
        ("hset", "HSET"),
        ("append", "APPEND"),
        ("time", "TIME"),
        ("expire", "EXPIRE"),
        ("multi", "MULTI"),
    ],
)
def test_a_command_the_account_may_not_use_is_named(account, cache, without, named):
    rules = " ".join(rule for rule in DEPLOYED.split() if rule != f"+{without}")
    with pytest.raises(BadSetting, match="stock_redis") as refused:
        check(account(rules))
    assert named in str(refused.value)
    assert "allowed: an account that may" in str(refused.value)
    assert cache.dbsize() == 0


@pytest.mark.parametrize("keys", ["~stock:*", "~sync:*", "~other:*"])
def test_keys_the_account_may_not_use_are_told(account, keys):
    with pytest.raises(BadSetting, match="allowed: an account that may read the counters"):
        check(account(DEPLOYED, keys))


@pytest.mark.parametrize("command", ["CLIENT", "EVALSHA", "SCRIPT", "HSET", "MGET"])
def test_a_renamed_command_is_told_as_such(run_folder, command):
    with Strange(run_folder, f"rename-command {command} hidden") as server, server.client() as client:
        with pytest.raises(BadSetting, match=r"unknown command.*allowed: Redis 6.0 or newer, where no command"):
            check(client)
        assert client.dbsize() == 0


def test_a_node_of_a_cluster_behind_a_plain_connection_is_told(run_folder):
    with (
        Strange(run_folder, "cluster-enabled yes") as server,
        pytest.raises(BadSetting, match=r"in mode 'cluster'; allowed: extra 'cluster'=true"),
    ):
        check(server.client())


@pytest.fixture
def replica(cache):
    cache.replicaof("127.0.0.1", free_port())
    yield cache
    cache.replicaof("NO", "ONE")


def test_a_replica_is_refused_before_a_run_writes_and_good_enough_for_a_dry_run(replica):
    with pytest.raises(BadSetting, match=r"is a replica.*allowed: the address of the master"):
        check(replica)
    check(replica, writes=False)


@pytest.mark.parametrize(
    ("policy", "dropped"),
    [("allkeys-lru", "any keys"), ("allkeys-random", "counters"), ("volatile-ttl", "the run's lock")],
)
def test_a_redis_that_evicts_keys_is_a_warning(cache, settings_of, caplog, policy, dropped):
    settings_of(maxmemory_policy=policy, maxmemory="200mb")
    check(cache)
    [warning] = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert f"maxmemory-policy {policy}" in warning
    assert dropped in warning


def test_a_policy_without_a_limit_or_without_eviction_is_none(cache, settings_of, caplog):
    settings_of(maxmemory_policy="allkeys-lru")
    check(cache)
    settings_of(maxmemory_policy="noeviction", maxmemory="200mb")
    check(cache)
    assert not [record for record in caplog.records if record.levelno == logging.WARNING]


def test_what_may_not_be_looked_up_is_said_quietly(account, caplog):
    caplog.set_level(logging.INFO)
    check(account(f"{DEPLOYED} -info"))
    assert "INFO is refused" in caplog.text


def test_a_full_redis_may_have_room_at_the_next_attempt(cache, settings_of):
    settings_of(maxmemory_policy="noeviction", maxmemory="1")
    with pytest.raises(CacheUnavailable, match="maxmemory"):
        check(cache)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"password": "wrong"}, "allowed: login and password"),
        ({"password": None}, "allowed: login and password"),
        ({"username": "nobody"}, "allowed: login and password"),
        ({"db": 99}, "DB index is out of range; allowed: a database that the server has"),
    ],
)
def test_a_wrong_password_user_or_database_is_told(redis_server, cache, changed, says):
    arguments = {"host": redis_server.host, "port": redis_server.port, "password": redis_server.password, **changed}
    with pytest.raises(BadSetting, match="stock_redis") as refused:
        check(redis.Redis(**arguments))
    assert says in str(refused.value)
    assert redis_server.password not in str(refused.value)


def test_a_server_that_is_too_old_is_told():
    said = b"-ERR unknown command `HELLO`, with args beginning with: \r\n"
    with FewWords(said) as port, pytest.raises(BadSetting, match=r"HELLO.*allowed: Redis 6.0 or newer"):
        check(redis.Redis(port=port))


def test_a_redis_that_is_loading_is_asked_again_by_the_next_attempt():
    with FewWords(b"-LOADING Redis is loading the dataset in memory\r\n") as port, pytest.raises(CacheUnavailable):
        check(redis.Redis(port=port))


@pytest.fixture
def tls_port():
    """Where something expects TLS, with a certificate of an authority nobody knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with FewWords(b"", context) as port:
        yield port


def test_a_certificate_nobody_can_check_is_told_with_the_option(tls_port):
    with pytest.raises(BadSetting, match=r"certificate verify failed.*allowed: .*ssl_ca_certs"):
        check(redis.Redis(port=tls_port, ssl=True))


def test_a_server_that_speaks_no_tls_is_told():
    with FewWords(b"-ERR not TLS\r\n") as port, pytest.raises(BadSetting, match="allowed: type rediss or the extra"):
        check(redis.Redis(port=port, ssl=True))


def test_a_client_without_tls_is_told_where_to_look(tls_port):
    with pytest.raises(CacheUnavailable, match=r"always does so: type rediss"):
        check(redis.Redis(port=tls_port))


def test_a_connection_that_ends_in_the_handshake_may_come_back():
    with pytest.raises(CacheUnavailable), translated("starting"):
        raise redis.ConnectionError("ended") from ssl.SSLEOFError("EOF occurred in violation of protocol")


class Strange(Redis):
    """A Redis with further lines in its configuration."""

    name = "Strange Redis"

    def __init__(self, run, *lines):
        super().__init__(run)
        while self.port > HIGHEST_IN_A_CLUSTER:
            self.port = free_port()
        self._file, self._lines = run.path / f"strange-{self.port}.conf", lines

    def _prepare(self):
        settings = ["bind 127.0.0.1", f"port {self.port}", f"requirepass {self.password}", 'save ""', *self._lines]
        settings.append(f"cluster-config-file {self._file}.nodes")
        self._file.write_text("\n".join([*settings, ""]))
        return Process(self._file.stem, [program(), self._file], run=self._run)


class FewWords:
    """A server that says one thing to whoever connects and asks, then hangs up.

    Args:
        answer: what it says
        context: makes it a server with TLS
    """

    def __init__(self, answer, context=None):
        self._answer, self._context = answer, context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self):
        self._thread.start()
        return self._listener.getsockname()[1]

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self):
        with contextlib.suppress(OSError):  # the listener is closed
            while True:
                client, _ = self._listener.accept()
                with contextlib.suppress(OSError), closing(client):
                    self._talk(client)

    def _talk(self, client):
        if self._context is not None:
            client = self._context.wrap_socket(client, server_side=True)
        if client.recv(65536):
            client.sendall(self._answer)
