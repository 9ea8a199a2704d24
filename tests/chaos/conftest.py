"""What the tests counted, told at the end: these are the figures of docs/reliability.md."""

import pytest

_TOLD = pytest.StashKey[list]()


@pytest.fixture
def figures(request):
    """Call it with a name and what was counted."""
    told = request.config.stash.setdefault(_TOLD, [])
    return lambda name, counted: told.append(f"{name}: {counted}")


def pytest_terminal_summary(terminalreporter, config):
    for line in config.stash.get(_TOLD, []):
        terminalreporter.write_line(line)
