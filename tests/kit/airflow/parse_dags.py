"""Parse a folder of DAG files and print what that did: its CPU seconds a file, and what it reached for.

Airflow is imported first, as the dag processor has it imported; the project's own modules are not.
"""

import json
import socket
import sys
import time
from pathlib import Path
from unittest import mock

from airflow.dag_processing.dagbag import DagBag
from airflow.models import Variable as OldVariable
from airflow.sdk import BaseHook, Connection, Variable

reached = []


def watched(name):
    def refuse(*_arguments, **_named):
        reached.append(name)
        raise AssertionError(f"{name} while a DAG is parsed")

    return refuse


def parse(path):
    began = time.process_time()
    bag = DagBag(path)
    return {
        "seconds": time.process_time() - began,
        "dags": sorted(bag.dags),
        "errors": dict(bag.import_errors),
    }


WATCHED = [
    (socket.socket, "connect"),
    (socket.socket, "connect_ex"),
    (socket, "getaddrinfo"),
    (Variable, "get"),
    (OldVariable, "get"),  # noqa: AIR311 - what must not be used is watched
    (BaseHook, "get_connection"),
    (Connection, "get"),
]

with mock.patch.object(sys, "stdout", sys.stderr):
    DagBag("/dev/null")  # what Airflow itself does once a process is not the DAG's doing
    patches = [mock.patch.object(owner, name, watched(f"{owner.__name__}.{name}")) for owner, name in WATCHED]
    for patch in patches:
        patch.start()
    files = {path.name: parse(path) for path in sorted(Path(sys.argv[1]).glob("*.py"))}

print(json.dumps({"files": files, "reached": reached, "modules": sorted(sys.modules)}))  # noqa: T201 - its answer
