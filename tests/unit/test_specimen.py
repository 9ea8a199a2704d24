"""What a value that is no stock number looks like, to somebody who has to find out what writes it."""

import gzip
import pickle
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocksync.model import specimen
from stocksync.model.specimen import Resemblance, Specimen, resemblance
from stocksync.model.stock import Unreadable, parse_stock

JAVA_INTEGER = bytes.fromhex(
    "aced0005737200116a6176612e6c616e672e496e746567657212e2a0a4f781873802000149000576616c7565787200106a6176612e6c616e67"
    "2e4e756d62657286ac951d0b94e08b020000787000000061"
)
JAVA_STRING = bytes.fromhex("aced000574") + b"\x00\x0297"


@pytest.mark.parametrize(
    ("value", "likely"),
    [
        (JAVA_INTEGER, "java"),
        (JAVA_STRING, "java"),
        (b"\x02\xc2\x01", "kryo"),
        (pickle.dumps(97), "pickle"),
        (gzip.compress(b"97"), "compressed"),
        (zlib.compress(b"97"), "compressed"),
        (b'"97"', "quoted"),
        (b"'97'", "quoted"),
        (b'{"stock":97}', "json"),
        (b'["java.lang.Long",97]', "json"),
        (b"97.0", "fraction"),
        (b"9.7E1", "fraction"),
        (b".5", "fraction"),
        (b" 97", "spaces"),
        (b"97\n", "spaces"),
        (b"", "empty"),
        (b"097", "notation"),
        (b"+97", "notation"),
        (b"1,000", "notation"),
        (b"1_000", "notation"),
        (b"0x61", "notation"),
        ("٣".encode(), "notation"),
        (b"9" * 400, "too_large"),
        (b"2147483648", "too_large"),
        (b"-0", "notation"),
        (b"nan", "text"),
        ("품절".encode(), "text"),
        ("품절".encode() * 500, "text"),
        (b"\x00\x00\x00\x61", "binary"),
        (b"\xff\xfe", "binary"),
    ],
)
def test_a_value_is_taken_for_what_most_likely_wrote_it(value, likely):
    assert parse_stock(value) is None
    assert resemblance(value) == likely


@given(st.binary(max_size=3000))
def test_any_bytes_are_told_in_a_short_line_in_which_nothing_acts(value):
    found = Specimen.of("P1", b"1", value)

    assert found.found.isprintable() or found.found == ""
    assert len(found.found) < 100
    assert Specimen.from_list(found.to_list()) == found
    assert found.in_words().isprintable()


@pytest.mark.parametrize(
    ("ledger", "cache", "likely"),
    [
        (Unreadable.NO_STOCK, b"1", "no_stock"),
        (Unreadable.SEVERAL_ROWS, None, "several_rows"),
        (b"1", Unreadable.WRONG_TYPE, "other_type"),
    ],
)
def test_what_has_no_bytes_to_show_is_told_by_its_kind(ledger, cache, likely):
    assert Specimen.of("P1", ledger, cache) == Specimen("P1", "", Resemblance(likely))


@given(st.permutations([f"P{n}" for n in range(9)]))
def test_which_are_kept_does_not_depend_on_the_order_of_the_work(order):
    kept = []
    for product_id in order:
        specimen.keep(kept, product_id, b"1", b"x")

    assert [each.product_id for each in kept] == ["P0", "P1", "P2"]


def test_the_words_show_the_first_bytes_and_how_many_there_are():
    words = Specimen.of("P-1\n<!channel>", b"1", JAVA_INTEGER).in_words()

    assert words.startswith(r"P-1\n<!channel> \xac\xed\x00\x05sr")
    assert words.endswith("… (81 bytes) (looks like Java serialization)")
