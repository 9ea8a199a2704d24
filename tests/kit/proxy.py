"""A network that fails on demand: a small TCP proxy between the program and a service.

A request is what the client sends in one piece; they are counted over all connections. A fault waits for the nth
request that matches, and then happens once (or from then on, until `heal`).
"""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass

from local.servers.ports import free_port

CUT_BEFORE = "cut before it arrives"
LOSE_REPLY = "lose the reply"
HANG = "hang"


@dataclass
class Fault:
    """What happens to the nth request that matches.

    Attributes:
        how: CUT_BEFORE, LOSE_REPLY, HANG, or the bytes to answer instead of the service
        nth: counted from 1
        matches: which requests count
        after: with LOSE_REPLY: so many bytes of the reply still come through
        lasting: whether it happens to every later one, too
    """

    how: str | bytes
    nth: int = 1
    matches: Callable[[bytes], bool] = lambda _request: True
    after: int = 0
    lasting: bool = False


class Proxy:
    """Listens on a port of its own as a context manager; `requests` counts what went through since `fail`."""

    def __init__(self, host, port, *, listen=None):
        self._target = (host, port)
        self.port = listen or free_port()
        self._lock = threading.Lock()
        self._fault = None
        self._open = set()
        self.requests = 0
        self.happened = 0

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.close()
        self.cut()

    def fail(self, fault):
        with self._lock:
            self._fault, self.requests, self.happened = fault, 0, 0

    def heal(self):
        self.fail(None)

    def cut(self):
        """End every connection, with a reset."""
        with self._lock:
            pairs = list(self._open)
        for pair in pairs:
            pair.cut()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(self._target, timeout=5)
                except OSError:
                    _reset(client)
                    continue
                server.settimeout(None)
                pair = _Pair(self, client, server)
                with self._lock:
                    self._open.add(pair)
                pair.start()

    def forget(self, pair):
        with self._lock:
            self._open.discard(pair)

    def judge(self, request):
        """Say what happens to a request: None, or the fault."""
        with self._lock:
            fault = self._fault
            if fault is None:
                self.requests += 1
                return None
            if not fault.matches(request):
                return None
            self.requests += 1
            if self.requests != fault.nth and not (fault.lasting and self.requests > fault.nth):
                return None
            self.happened += 1
            return fault


class _Pair:
    """One connection: a thread each way."""

    def __init__(self, proxy, client, server):
        self._proxy, self._client, self._server = proxy, client, server
        self._let_through = None  # bytes of replies that still come through; None: all

    def start(self):
        threading.Thread(target=self._requests, daemon=True).start()
        threading.Thread(target=self._replies, daemon=True).start()

    def cut(self):
        self._proxy.forget(self)
        _reset(self._client)
        _reset(self._server)

    def _requests(self):
        with contextlib.suppress(OSError):
            while request := self._client.recv(1 << 16):
                fault = self._proxy.judge(request)
                if fault is None:
                    self._server.sendall(request)
                elif isinstance(fault.how, bytes):
                    self._client.sendall(fault.how)
                elif fault.how == CUT_BEFORE:
                    break
                elif fault.how == LOSE_REPLY:
                    self._let_through = fault.after
                    self._server.sendall(request)
        self.cut()

    def _replies(self):
        with contextlib.suppress(OSError):
            while reply := self._server.recv(1 << 16):
                if self._let_through is not None:
                    reply = reply[: self._let_through]
                    self._let_through -= len(reply)
                    self._client.sendall(reply)
                    if self._let_through <= 0:
                        break
                else:
                    self._client.sendall(reply)
        self.cut()


def _reset(opened):
    with contextlib.suppress(OSError):
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        opened.shutdown(socket.SHUT_RDWR)
    opened.close()
