"""The stack without Docker: embedded services, demo data, and the commands behind `make up` and `make demo`.

Nothing of the product imports this package: it is a convenience for a machine that has only Python.
"""

from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
