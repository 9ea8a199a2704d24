"""docker-compose.yaml as a test reads it: its services, and their environment with .env filled in."""

import re
import subprocess
import sys

import yaml

from tests.kit.paths import ROOT

DEPLOY = ROOT / "deploy"
INNERMOST = re.compile(r"\$\{(\w+)(?:(:?[-?])([^{}]*))?\}")
"""A variable with no other in its default."""


def compose():
    return yaml.safe_load((ROOT / "docker-compose.yaml").read_text())


def fresh_env(folder):
    """What `make env` writes, as compose reads it."""
    path = folder / ".env"
    subprocess.run([sys.executable, "-I", DEPLOY / "env.py", path], check=True, capture_output=True)
    pairs = re.findall(r"^([A-Z_]+)=(.*)$", path.read_text(), re.MULTILINE)
    path.unlink()
    return dict(pairs)


def environment_of(service, env):
    """A service's environment, its ${variables} filled in."""
    return {name: filled_in(str(value), env) for name, value in compose()["services"][service]["environment"].items()}


def variables(text):
    """The ${variables} of a text: name, and what is done without it."""
    found = []
    text = text.replace("$${", "")  # left to the container's own shell
    while here := INNERMOST.findall(text):
        found += here
        text = INNERMOST.sub("", text)
    return {name: (kind, otherwise) for name, kind, otherwise in found}


def filled_in(text, env):
    """Replace the variables as compose does, those in another's default first."""

    def value(match):
        name, kind, otherwise = match.groups()
        if env.get(name) or (kind == "-" and name in env):
            return env[name]
        assert kind in {":-", "-"}, f"{name} is required and not in .env"
        return otherwise

    while INNERMOST.search(text):
        text = INNERMOST.sub(value, text)
    return text
