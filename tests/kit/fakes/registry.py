"""A schema registry over HTTP with what the program uses of Confluent's API, which can be made to fail."""

import base64
import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from stocksync.bootstrap import Bootstrap


class FakeRegistry:
    """A context manager that serves on 127.0.0.1.

    Attributes:
        versions: schema texts by subject, in the order of their ids, which all subjects share
        broken: an HTTP status to answer everything with
        user: user:password it insists on
        frozen: whether it finds every new schema incompatible
    """

    def __init__(self, tls=None):
        self.schemas, self.versions = [], {}
        self.broken = self.user = None
        self.frozen = False
        self.requests = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._scheme = "http"
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
            self._scheme = "https"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def address(self):
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self):
        return f"{self._scheme}://{self.address}"

    def register(self, subject, text):
        """Put a schema under a subject; return its id."""
        if text not in self.schemas:
            self.schemas.append(text)
        versions = self.versions.setdefault(subject, [])
        if text not in versions:
            versions.append(text)
        return self.schemas.index(text) + 1

    def answer(self, method, path, body):  # noqa: C901, PLR0911 - one case for each request of the API
        if body:
            body["schema"] = json.dumps(json.loads(body["schema"]))  # as a real one, it is not particular about spaces
        match method, path.partition("?")[0].strip("/").split("/"):
            case ("POST", ["subjects", subject]) | ("GET", ["subjects", subject, *_]) if subject not in self.versions:
                return 404, {"error_code": 40401, "message": "Subject not found"}
            case "POST", ["subjects", subject]:
                if body["schema"] not in self.versions[subject]:
                    return 404, {"error_code": 40403, "message": "Schema not found"}
                return 200, self._version(subject, self.versions[subject].index(body["schema"]) + 1)
            case "POST", ["subjects", subject, "versions"]:
                if self.frozen:
                    return 409, {"error_code": 409, "message": "Schema being registered is incompatible"}
                return 200, {"id": self.register(subject, body["schema"])}
            case "GET", ["subjects", subject, "versions"]:
                return 200, list(range(1, len(self.versions[subject]) + 1))
            case "GET", ["subjects", subject, "versions", version]:
                return 200, self._version(subject, int(version))
            case "GET", ["schemas", "ids", number] if 0 < int(number) <= len(self.schemas):
                return 200, {"schema": self.schemas[int(number) - 1]}
            case "GET", ["schemas", "ids", _]:
                return 404, {"error_code": 40403, "message": "Schema not found"}
        return 404, {"detail": "no such page"}

    def _version(self, subject, version):
        text = self.versions[subject][version - 1]
        return {"subject": subject, "version": version, "id": self.schemas.index(text) + 1, "schema": text}

    def _handler(self):
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self._serve()

            def do_POST(self):
                self._serve()

            def _serve(self):
                raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                registry.requests.append(f"{self.command} {self.path}")
                expected = registry.user and "Basic " + base64.b64encode(registry.user.encode()).decode()
                if registry.broken:
                    status, answer = registry.broken, {"error_code": 50001, "message": "Error in the backend"}
                elif expected and self.headers.get("Authorization") != expected:
                    status, answer = 401, {"error_code": 401, "message": "Unauthorized"}
                else:
                    status, answer = registry.answer(self.command, self.path, json.loads(raw or "{}"))
                data = json.dumps(answer).encode()
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)

            def log_message(self, *_):
                pass

        return Handler


class Formats:
    """The event's formats as the program chooses them by its settings, on Airflow's connections."""

    encoder = staticmethod(Bootstrap.encoder)

    def __init__(self, connections):
        self._connections = connections

    def schema_id(self, settings):
        return self._connections.bootstrap(settings).schema_id()

    def reader(self, settings):
        return self._connections.bootstrap(settings).reader()
