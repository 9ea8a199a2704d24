"""Look every locked package up in a database of known vulnerabilities: `make audit`.

Exits 0 where nothing is known, 1 where something is, and 1 where the database cannot be asked, unless that is allowed:
a program that could not look must not say that it found nothing.
"""

import argparse
import subprocess
import sys
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

OSV = "https://api.osv.dev/v1/query"
_PATIENCE = 15  # seconds


def unreachable(url: str) -> str:
    """Say why nobody answers at an address; empty: somebody does, if only with an error."""
    try:
        urlopen(Request(url, method="HEAD"), timeout=_PATIENCE).close()  # noqa: S310 - the operator's own address
    except HTTPError:
        return ""
    except (URLError, OSError) as error:
        return str(error)
    return ""


def main() -> int:
    """Ask, or say that nobody could be asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("locks", nargs="+", help="locks whose every package has its hashes")
    parser.add_argument("--osv", default=OSV, metavar="URL", help="the database: OSV's, or a mirror (%(default)s)")
    parser.add_argument("--if-reachable", action="store_true", help="exit 0 where the database cannot be reached")
    asked = parser.parse_args()
    if why := unreachable(asked.osv):
        sys.stderr.write(
            f"NOT AUDITED: nobody answers at {asked.osv} ({why}). Nothing is known about the packages of "
            f"{', '.join(asked.locks)}; run `make audit` where it can be reached, or of a mirror: make audit OSV=URL\n"
        )
        return 0 if asked.if_reachable else 1
    failed = 0
    for lock in asked.locks:
        sys.stdout.write(f"{lock}:\n")
        sys.stdout.flush()
        audit = [sys.executable, "-m", "pip_audit", "--strict", "--vulnerability-service=osv", f"--osv-url={asked.osv}"]
        audit += ["--progress-spinner=off", "--require-hashes", "--disable-pip", "--requirement", lock]
        failed |= subprocess.run(audit, check=False).returncode  # noqa: S603 - the program of the lock
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
