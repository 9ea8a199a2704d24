"""The command that asks for many counters at once, as it goes over the wire."""

import hiredis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocksync.adapters.redis_cache import _mget


@pytest.mark.fault(31)
@given(st.lists(st.binary(max_size=40) | st.text().map(str.encode), min_size=1, max_size=30))
def test_any_keys_are_asked_for_as_redis_own_client_would(keys):
    assert _mget(keys) == hiredis.pack_command((b"MGET", *keys))
