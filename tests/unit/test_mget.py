"""The command that asks for many counters at once, as it goes over the wire."""

import hiredis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocksync.adapters.redis_cache import _Heads, _mget


@pytest.mark.fault(31)
@given(st.binary(max_size=12), st.lists(st.binary(max_size=40) | st.text().map(str.encode), min_size=1, max_size=30))
def test_any_keys_are_asked_for_as_redis_own_client_would(prefix, ids):
    assert _mget(ids, _Heads(prefix)) == hiredis.pack_command((b"MGET", *(prefix + i for i in ids)))
