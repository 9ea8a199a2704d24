import pytest

from stocksync.reconcile import first_look
from tests.kit.fakes.two_groups import GROUP


@pytest.fixture
def small_groups(monkeypatch):
    """The program's groups are as small as tests.kit.fakes.two_groups counts on."""
    monkeypatch.setattr(first_look, "GROUP_SIZE", GROUP)
