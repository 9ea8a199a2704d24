"""Batches of messages that no client would write, put on a topic byte by byte (Kafka protocol, Produce version 3)."""

import socket
import struct

_CRC_32C = 0x82F63B78
GZIP = 1


def header_name_that_is_no_text(value):
    """A message with a header whose name is no UTF-8."""
    body = b"\0" + _number(0) + _number(0) + _sized(b"key") + _sized(value) + _number(1)
    body += _sized(b"\xff\xfe") + _sized(b"x")
    return _batch(_sized(body), 1)


def compressed_nonsense(count):
    """So many messages that nobody can decompress."""
    return _batch(b"not gzip at all", count, attributes=GZIP)


def produce(broker, topic, batch, partition=0):
    """Put a batch on a topic as it is."""
    name = topic.encode()
    body = struct.pack(">hhii", -1, -1, 10_000, 1) + struct.pack(">h", len(name)) + name
    body += struct.pack(">iii", 1, partition, len(batch)) + batch
    request = struct.pack(">hhih", 0, 3, 1, -1) + body
    with socket.create_connection((broker.host, broker.port), timeout=15) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        answer = connection.recv(4096)
    [code] = struct.unpack_from(">h", answer, 4 + 4 + 4 + 2 + len(name) + 4 + 4)
    assert code == 0, f"the broker refused the batch with code {code}"


def _batch(records, count, attributes=0):
    tail = struct.pack(">hiqqqhii", attributes, count - 1, 1, 1, -1, -1, -1, count) + records
    head = struct.pack(">ibI", -1, 2, _crc(tail))
    return struct.pack(">qi", 0, len(head) + len(tail)) + head + tail


def _sized(data):
    return _number(len(data)) + data


def _number(number):
    number = (number << 1) ^ (number >> 63)
    out = b""
    while number & ~0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def _crc(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (_CRC_32C if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF
