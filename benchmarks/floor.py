"""The floor: each store read alone, by the leanest client there is."""

import socket
import subprocess
import time
from collections import deque
from pathlib import Path
from urllib.parse import urlsplit

import hiredis
import psycopg2

from benchmarks.catalogue import PREFIX

_KEYS, _OUTSTANDING = 1000, 4


def copy_to_null(psql: Path, dsn: str, table: str) -> float:
    """Seconds of `psql COPY (id, stock) TO STDOUT > /dev/null`, the start of psql included."""
    begun = time.perf_counter()
    statement = f'COPY (SELECT id, stock FROM "{table}") TO STDOUT'
    subprocess.run([psql, "--no-psqlrc", dsn, "--command", statement], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun


def mget_everything(redis_uri: str, dsn: str, table: str) -> float:
    """Seconds of asking for every key of the table, a thousand a call and four calls ahead, on a bare socket."""
    commands = _commands(dsn, table)
    at = urlsplit(redis_uri)
    with socket.create_connection((at.hostname, at.port)) as wire:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader = hiredis.Reader()
        wire.sendall(hiredis.pack_command(("AUTH", at.password)))
        _answer(wire, reader)
        begun = time.perf_counter()
        asked: deque[None] = deque()
        for command in commands:
            wire.sendall(command)
            asked.append(None)
            if len(asked) == _OUTSTANDING:
                asked.popleft()
                _answer(wire, reader)
        for _ in asked:
            _answer(wire, reader)
        return time.perf_counter() - begun


def _commands(dsn: str, table: str) -> list[bytes]:
    connection = psycopg2.connect(dsn)
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT id::text FROM "{table}" ORDER BY id')
        keys = [f"{PREFIX}{product_id}" for (product_id,) in cursor]
    connection.close()
    return [hiredis.pack_command(("MGET", *keys[n : n + _KEYS])) for n in range(0, len(keys), _KEYS)]


def _answer(wire: socket.socket, reader: hiredis.Reader) -> None:
    while (said := reader.gets()) is False:
        reader.feed(wire.recv(1 << 20))
    if isinstance(said, hiredis.ReplyError):
        raise said
