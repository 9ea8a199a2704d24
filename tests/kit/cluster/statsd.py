"""A StatsD server that remembers the last value of each gauge."""

import socket
from contextlib import contextmanager
from threading import Thread


@contextmanager
def statsd():
    """Its port, and what it has heard, by name."""
    heard = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        listener = Thread(target=_listen, args=(server, heard))
        listener.start()
        try:
            yield server.getsockname()[1], heard
        finally:
            server.sendto(b"", server.getsockname())
            listener.join()


def _listen(server, heard):
    for packet in iter(lambda: server.recv(65_535), b""):
        for line in packet.decode().splitlines():
            name, _, value = line.partition(":")
            heard[name] = value
