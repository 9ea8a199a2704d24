"""Bugs put into a copy of the program one at a time: each has to be caught. `make mutants` prints what catches it.

The tests that guard the place come first, so that a bug costs seconds; one that they let pass meets the wide set.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.kit.mutants.bugs import BUGS, NO_BUG
from tests.kit.paths import ROOT

AT_ONCE = 2
WIDE = ["tests/unit", "tests/contract/test_event.py", "tests/integration", "tests/faults", "tests/chaos"]
LEFT_OUT = shutil.ignore_patterns(".*", "build", "__pycache__", "mutants")


def caught_by(bug):
    """Put one bug into a copy; return the first test that fails, empty if none does, and the seconds that took."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutant-") as place:
        copy = Path(place) / "copy"
        shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
        file = copy / "include" / "stocksync" / bug.file
        text = file.read_text()
        if text.count(bug.old) != 1:
            raise SystemExit(f"{bug.name}: {bug.file} has {text.count(bug.old)} times\n{bug.old}")
        file.write_text(text.replace(bug.old, bug.new))
        found = _first_failure(copy, bug.guards) or _first_failure(copy, WIDE)
    return found, time.monotonic() - begun


def _first_failure(copy, tests):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--timeout=120", *tests],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": "include:.", "CHAOS_SCHEDULES": "25", "CHAOS_EXAMPLES": "10"},
        capture_output=True,
        text=True,
        check=False,
    )
    failed = re.search(r"^(?:FAILED|ERROR) (?:tests/)?(\S+?::\S+)", done.stdout, re.MULTILINE)
    if done.returncode == 0:
        return ""
    if failed is None:
        raise SystemExit(f"pytest said neither yes nor no:\n{done.stdout}{done.stderr}")
    return failed[1]


def main():
    """Print the table; 0 if every bug was caught, and if nothing fails in the copy where the bug changes nothing."""
    wanted = [bug for bug in BUGS if len(sys.argv) == 1 or any(word in bug.name for word in sys.argv[1:])]
    wrong = 0
    print("| bug | caught by | s |\n| --- | --- | --- |", flush=True)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for bug, (found, seconds) in zip(wanted, pool.map(caught_by, wanted), strict=True):
            wrong += bool(found) is (bug is NO_BUG)
            print(f"| {bug.name} | {f'`{found}`' if found else 'nothing'} | {seconds:.0f} |", flush=True)
    print(f"\n{len(wanted) - wrong} of {len(wanted)} as it must be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
