"""Ports: free ones on 127.0.0.1, and whether one is taken."""

import socket
import threading

_given: set[int] = set()
_lock = threading.Lock()


def free_port() -> int:
    """Return a port nobody listens on, and never the same one twice in this process.

    The kernel gives ports of its ephemeral range, where an outgoing connection could take one before the
    program it is meant for listens. That is rare and seen at once: the program says so in its log and ends.
    """
    with _lock:
        while True:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = int(probe.getsockname()[1])
            if port not in _given:
                _given.add(port)
                return port


def listens(host: str, port: int) -> bool:
    """Whether somebody takes connections there."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True
