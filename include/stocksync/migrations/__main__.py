"""`python -m stocksync.migrations`: make the operations store's schema, or bring it to its latest version."""

import argparse
import os
import sys

import psycopg2
from sqlalchemy.exc import SQLAlchemyError

from stocksync import migrations

_OWNER = "STOCK_OPS_OWNER"


def main() -> int:
    """Do it; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m stocksync.migrations", description=__doc__)
    parser.add_argument("--worker", metavar="ROLE", help="the role of the DAGs; without it only the owner has rights")
    parser.add_argument("--page", metavar="ROLE", help="the role of the page; as above")
    roles = parser.parse_args()
    address = os.environ.get(_OWNER)
    if not address:
        print(f"{_OWNER} is not set; allowed: the address of the database's owner, as libpq takes it", file=sys.stderr)
        return 2
    try:
        version = migrations.upgrade(migrations.connect_to(address), worker=roles.worker, page=roles.page)
    except (psycopg2.Error, SQLAlchemyError) as error:
        said = str(getattr(error, "orig", None) or error).strip()
        print(f"{_OWNER}: {said}", file=sys.stderr)
        return 1
    print(f"the operations store is at version {version}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
