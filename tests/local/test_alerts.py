"""The demo's own reader of events."""

import pytest

from local.alerts import rabin


@pytest.mark.parametrize(
    ("schema", "fingerprint"),
    [('"null"', 0x63DD24E7CC258F8A), ('"int"', 0x7275D51A3F395C8F), ('"string"', 0x8F014872634503C7)],
)
def test_fingerprints_are_those_of_the_avro_project(schema, fingerprint):
    assert rabin(schema) == fingerprint
