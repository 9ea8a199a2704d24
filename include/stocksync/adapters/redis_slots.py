"""Redis Cluster's hash slots, as its specification has them."""

from binascii import crc_hqx
from functools import cache
from itertools import count, repeat

SLOTS = 16384


def hashed(key: bytes) -> bytes:
    """Give the part of a key that decides its slot: that between the first { and the next }, if there is some."""
    start = key.find(b"{")
    end = key.find(b"}", start + 1)
    return key[start + 1 : end] if start >= 0 and start + 1 < end else key


def slot_of(key: bytes) -> int:
    """Say which slot a key is in."""
    return crc_hqx(hashed(key), 0) % SLOTS


@cache
def tags() -> list[str]:
    """Give for each slot the smallest number that is in it: a name with that in braces is in the slot, too."""
    found, left = [""] * SLOTS, SLOTS
    for number in count():
        tag = str(number)
        slot = crc_hqx(tag.encode(), 0) % SLOTS
        if not found[slot]:
            found[slot] = f"{{{tag}}}"
            left -= 1
            if not left:
                return found
    raise AssertionError("unreachable")


def crcs_of(ids: list[bytes], prefix: bytes) -> list[int]:
    """Give the CRC16 of many keys, whose lowest 14 bits are their slots; in C, where no key has a brace."""
    if b"{" in prefix or b"{" in b"".join(ids):
        return [crc_hqx(hashed(prefix + product_id), 0) for product_id in ids]
    begun = crc_hqx(prefix, 0)
    return list(map(crc_hqx, ids, repeat(begun)))
