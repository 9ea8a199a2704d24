"""The locks, by the programs that install from them and make them; both need a package index, and take minutes."""

import shlex
import shutil
import subprocess
import sys
import venv

import pytest

from tests.kit.documents import fenced_commands, section
from tests.kit.paths import ROOT

pytestmark = [pytest.mark.timeout(1800), pytest.mark.usefixtures("cluster")]


def test_the_pip_that_python_brings_accepts_the_lock(tmp_path):
    venv.create(tmp_path / "venv", with_pip=True)
    commands = fenced_commands(section("README.md", "On your own services"))
    (install,) = [shlex.split(command) for command in commands if command.startswith("pip install ")]

    pip = subprocess.run(
        [tmp_path / "venv" / "bin" / "pip", install[1], "--dry-run", "--only-binary", ":all:", *install[2:]],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )

    assert pip.returncode == 0, pip.stdout[-2000:]
    assert "Would install" in pip.stdout
    assert "apache-airflow-3.3.2" in pip.stdout


def test_the_locks_are_what_make_lock_makes(tmp_path):
    for path in [*ROOT.glob("requirements*"), ROOT / "Makefile"]:
        shutil.copy(path, tmp_path)

    subprocess.run(
        ["make", "--old-file", ".venv/.installed", "lock", f"BIN={shlex.quote(sys.prefix)}/bin"],
        cwd=tmp_path,
        check=True,
    )

    assert {p.name: p.read_text() for p in tmp_path.glob("*.txt")} == {
        p.name: p.read_text() for p in ROOT.glob("requirements*.txt")
    }
