"""A real HTTP server on 127.0.0.1 that stands in for a service on the internet, and fails when told to."""

import contextlib
import json
import ssl
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET
from typing import Any, Self

Answer = tuple[int, dict[str, Any]]
_NO_LINGER = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Refusal:
    """A failure instead of an answer.

    Attributes:
        status: the HTTP status.
        body: what is said with it.
        headers: headers of the answer, such as Retry-After.
        reset: cut the connection instead of answering.
        hang: do not answer before the stand-in stops.
        accepted: take the request in first, so that only the answer is lost.
    """

    status: int = 500
    body: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    reset: bool = False
    hang: bool = False
    accepted: bool = False


class StandIn:
    """A context manager that serves POST requests with JSON bodies; a GET shows a person what was accepted.

    Args:
        answer: takes the path, the headers and the body; gives the status and the body of the answer.
        journal: a file that gets each accepted request as a line of JSON; None: none.
        tls: makes it an https server.
    """

    def __init__(
        self,
        answer: Callable[[str, Mapping[str, str], dict[str, Any]], Answer],
        journal: Path | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._answer = answer
        self.journal = journal
        self._lock = threading.Lock()
        self._once: deque[Refusal] = deque()
        self._always: Refusal | None = None
        self._limit = 0
        self._open_again = 0.0
        self.impatient = 0
        self.stopped = threading.Event()
        self.requests = 0
        self.accepted: list[dict[str, Any]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"stand_in": self}))
        self._server.daemon_threads = True
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self.port}"
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        if self.journal is not None:
            self.journal.touch()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def page(self) -> str:
        """What was accepted, for a person to read."""
        return "\n".join(json.dumps(body, indent=2, ensure_ascii=False) for body in self.accepted) or "nothing yet"

    def refuse(self, refusal: Refusal, times: int | None = None) -> None:
        """Fail the next requests: so many, or all until `recover`."""
        with self._lock:
            if times is None:
                self._always = refusal
            else:
                self._once.extend([refusal] * times)

    def limit_rate(self, seconds: int) -> None:
        """Answer 429 for so long; `impatient` counts the requests that did not wait as they were asked to.

        The time begins with the next request.
        """
        with self._lock:
            self._limit = seconds

    def recover(self) -> None:
        """Fail no more."""
        with self._lock:
            self._always = None
            self._once.clear()

    def next_refusal(self) -> Refusal | None:
        """Count a request, and say whether it is to fail."""
        with self._lock:
            self.requests += 1
            if (limited := self._rate_limit()) is not None:
                return limited
            return self._once.popleft() if self._once else self._always

    def _rate_limit(self) -> Refusal | None:
        now = time.monotonic()
        refusal = Refusal(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": str(self._limit)})
        if self._limit and not self._open_again:
            self._open_again = now + self._limit
            return refusal
        if now < self._open_again:
            self.impatient += 1
            return refusal
        self._limit, self._open_again = 0, 0.0
        return None

    def take(self, path: str, headers: Mapping[str, str], body: dict[str, Any]) -> Answer:
        """Answer a request, and keep it if it is accepted."""
        with self._lock:
            status, answer = self._answer(path, headers, body)
            if status < 300 and answer.get("ok", True):  # noqa: PLR2004 - the 2xx of HTTP; Slack's "ok": false is a no
                self.accepted.append(body)
                if self.journal is not None:
                    with self.journal.open("a", encoding="utf-8") as journal:
                        journal.write(json.dumps(body, ensure_ascii=False) + "\n")
            return status, answer


class _Handler(BaseHTTPRequestHandler):
    stand_in: StandIn
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        refusal = self.stand_in.next_refusal()
        try:
            body = json.loads(raw)
        except ValueError:
            self._say(400, {"error": "the body is not JSON"})
            return
        if refusal is None:
            self._say(*self.stand_in.take(self.path, self.headers, body))
            return
        if refusal.accepted:
            self.stand_in.take(self.path, self.headers, body)
        if refusal.hang:
            self.stand_in.stopped.wait()
        if refusal.hang or refusal.reset:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.setsockopt(SOL_SOCKET, SO_LINGER, _NO_LINGER)
                self.connection.close()
            return
        self._say(refusal.status, refusal.body, refusal.headers)

    def do_GET(self) -> None:
        self._send(200, self.stand_in.page, {"Content-Type": "text/plain; charset=utf-8"})

    def _say(self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        self._send(status, json.dumps(body), {"Content-Type": "application/json", **(headers or {})})

    def _send(self, status: int, text: str, headers: Mapping[str, str]) -> None:
        data = text.encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing: the terminal belongs to the demo."""
