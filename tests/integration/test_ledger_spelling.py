"""Products chosen by a person, in a spelling of their own: the database decides which they are."""

import pytest

from stocksync.errors import RefusedRequest
from stocksync.reconcile.preconditions import chosen_products
from tests.kit.ledger_tables import Table

UUID = "0f8b3c1e-6a52-4a86-9f2a-0123456789ab"


@pytest.fixture
def table(database):
    return Table(database)


def chosen(ledger, asked):
    return chosen_products(asked, ledger.spelled(asked))


@pytest.mark.parametrize(
    ("id_type", "product_id", "spellings"),
    [
        ("uuid", UUID, [UUID.upper(), UUID.replace("-", ""), f"{{{UUID}}}", UUID]),
        ("bigint", "7", ["007", " 7 ", "+7", "7"]),
        ("smallint", "-7", ["-007", "-7"]),
        ("char(5)", "ab", ["ab", "ab   ", "ab         "]),
    ],
)
def test_any_spelling_of_a_product_is_found_and_two_are_one(table, id_type, product_id, spellings):
    ledger = table.fill([product_id], id_type)

    for spelling in spellings:
        assert chosen(ledger, [spelling]) == [product_id]
    assert chosen(ledger, spellings) == [product_id]


@pytest.mark.parametrize(
    ("id_type", "stranger"), [("text", "AB"), ("text", "ab "), ("varchar(9)", "ab "), ("char(5)", " ab")]
)
def test_what_the_database_takes_for_another_product_is_refused_by_name(table, id_type, stranger):
    ledger = table.fill(["ab"], id_type)

    with pytest.raises(RefusedRequest, match=f"1 of them are not in the ledger: '{stranger}'"):
        chosen(ledger, [stranger, "ab"])


@pytest.mark.parametrize(
    ("id_type", "stranger"), [("uuid", "ab"), ("bigint", "7a"), ("smallint", "70000"), ("text", "a\0b")]
)
def test_what_cannot_be_an_id_at_all_is_refused_by_name(table, id_type, stranger):
    ledger = table.fill([], id_type)

    said = "NUL" if "\0" in stranger else stranger
    with pytest.raises(
        RefusedRequest, match=f"param 'product_ids': .*{said}.*allowed: ids that column 'id' of 'products'"
    ):
        chosen(ledger, [stranger])


def test_spellings_are_found_in_a_view_too(table):
    table.fill([UUID], "uuid")
    table.sql("CREATE VIEW sellable AS SELECT * FROM products")

    assert chosen(table.ledger("sellable"), [UUID.upper()]) == [UUID]
