"""The commands that the documents tell people to type."""

import re
import subprocess

from tests.kit.paths import ROOT, tracked

SHELL = re.compile(r"^```(?:sh|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`]+)`")
PROGRAMS = {"airflow", "docker", "git", "make", "pip", "pipx", "psql", "pytest", "python3", "redis-cli"}


def documents():
    """Every document, by its path in the project."""
    return {path.relative_to(ROOT).as_posix(): path.read_text() for path in sorted(tracked("*.md"))}


def section(document, heading):
    """The text below a heading of the second level, up to the next one."""
    parts = re.split(r"^## (.*)$", documents()[document], flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))[heading]


def fenced_commands(text):
    """The commands of a text's shell blocks in order, comments taken off; a loop is one command."""
    return [command for block in SHELL.findall(text) for command in _split(block)]


def inline_commands(text):
    """The spans of a text's prose and tables that are commands: they begin with a program, or a variable for one."""
    spans = (" ".join(span.split()) for span in SPAN.findall(FENCED.sub("", text)))
    return [span for span in spans if " " in span and _program(span) in PROGRAMS]


def _program(command):
    return re.sub(r"^(?:[A-Z_]+=\S+ )*", "", command).split(" ")[0]


def _split(block):
    commands, begun = [], ""
    for line in block.splitlines():
        begun += re.sub(r"(?:^|\s+)# .*$", "", line) + "\n"
        if begun.strip() and _is_complete(begun):
            commands.append(begun.strip())
            begun = ""
    assert not begun.strip(), f"bash cannot read {begun!r}"
    return commands


def _is_complete(text):
    return subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True, check=False).returncode == 0
