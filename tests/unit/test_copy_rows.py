"""Rows as PostgreSQL's COPY sends them."""

from hypothesis import example, given
from hypothesis import strategies as st

from stocksync.adapters.postgres_copy import _parse
from stocksync.model.stock import Unreadable

# COPY's text format, from PostgreSQL's manual.
ESCAPES = {"\\": r"\\", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v"}
TEXT = st.text(st.sampled_from("\\\b\f\n\r\t\vbfnrtvN:é ") | st.characters(codec="utf-8", exclude_characters="\0"))


def copied(product_id, stock):
    escaped = "".join(ESCAPES.get(c, c) for c in product_id)
    shown = r"\N" if stock is None else stock
    return f"{escaped}\t{shown}\n".encode()


@given(st.lists(st.tuples(TEXT, st.none() | st.integers(0, 2**31 - 1)), min_size=1, max_size=20))
@example([("\b\f\n\r\t\v\\", 1)])
@example([("\\N", None), ("\\.", 1), ("", 0), ("\\\\t", 5), ("\t\\", None)])
def test_any_id_comes_out_of_a_copy_as_it_is(rows):
    batch = _parse([copied(product_id, stock) for product_id, stock in rows])

    assert [raw_id.decode() for raw_id in batch.ids] == [product_id for product_id, _ in rows]
    assert batch.stocks == [Unreadable.NO_STOCK if s is None else str(s).encode() for _, s in rows]
