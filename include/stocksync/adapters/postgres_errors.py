"""PostgreSQL's errors as the package's own: what a person has to mend is told from what may pass."""

import re

import psycopg2
from psycopg2 import errors

from stocksync.errors import BadSetting, LedgerUnavailable, StockSyncError

CONNECTION = "connection product_db"

# libpq keeps to itself which SQLSTATE a refused connection had, so its words have to tell. Words that are not here, for
# example of a server that speaks another language, may pass: such an error is tried again, and then shown as it is.
_MEND = {
    r"password authentication failed|no password supplied|(SASL|SCRAM) authentication failed|auth failed": (
        "`login` and `password` of a role of that server"
    ),
    r'role "[^"]*" does not exist|no such user|is not permitted to log in': "a `login` that the server lets in",
    r'database "[^"]*" does not exist|no such database|is not currently accepting connections': (
        "as `schema`, a database of that server"
    ),
    r"permission denied for database": "a `login` with CONNECT on the database, or a GRANT of it",
    r"no pg_hba.conf entry|pg_hba.conf rejects": "a `login`, `schema` and `sslmode` that pg_hba.conf lets in",
    r"could not translate host name .*(not known|No address)|could not parse network address": (
        "as `host`, a name that can be resolved or an address"
    ),
    r"response to SSL negotiation|expected authentication request|unsupported frontend protocol": (
        "`host` and `port` of a PostgreSQL server; something else answers there"
    ),
    r"unsupported startup parameter": (
        "an extra without it behind a pgbouncer that does not know it; set it for the role instead (ALTER ROLE … SET)"
    ),
    r"(sslrootcert|root certificate|certificate verify failed|does not match host name|certificate file|private key|"
    r"server does not support SSL|SSL support|SSL error: (?!.*(EOF|reset))|sslv3|tlsv1 alert)": (
        "`sslmode`, `sslrootcert`, `sslcert` and `sslkey` that fit that server"
    ),
    r"channel binding|authentication method|GSSAPI|SSPI|Kerberos": (
        "`require_auth`, `channel_binding` and `gssencmode` that fit that server"
    ),
    r"unrecognized configuration parameter|invalid value for parameter|permission denied to set|cannot be changed": (
        "`options` that the server takes"
    ),
    r"invalid .*value|invalid port number|invalid connection option|invalid command-line argument|"
    r"service file|definition of service": "options and values that libpq knows",
}
_RECOVERY = "conflict with recovery"


def refused(
    error: psycopg2.Error, connection: str = CONNECTION, may_pass: type[StockSyncError] = LedgerUnavailable
) -> StockSyncError:
    """Say why no connection was made.

    Args:
        error: the driver's
        connection: which one it was
        may_pass: the kind of error for what may be over the next time
    """
    said = _all_lines(error)
    for pattern, allowed in _MEND.items():
        if re.search(pattern, said):
            return BadSetting(f"{connection}: {said}; allowed: {allowed}")
    if isinstance(error, psycopg2.ProgrammingError):
        return BadSetting(f"{connection} cannot be used: {said}")
    return may_pass(f"PostgreSQL ({connection}): {said}")


def failed(error: psycopg2.Error, table: str) -> BadSetting | LedgerUnavailable:
    """Say why a statement on the ledger was not answered."""
    said = _first_line(error)
    if isinstance(error, errors.UndefinedTable):
        return no_table(table)
    if (mend := _to_mend(error)) is not None:
        problem, allowed = mend
        return BadSetting(f"STOCK_SYNC_PRODUCTS_TABLE={table!r}: {problem} ({said}); allowed: {allowed}")
    if _RECOVERY in said:
        said += (
            ". This is a hot standby, and it replayed what the scan still needed: hot_standby_feedback, or a longer "
            "max_standby_streaming_delay, spares the scan"
        )
    return LedgerUnavailable(f"PostgreSQL ({CONNECTION}): {said}")


def no_table(table: str) -> BadSetting:
    """Say that the ledger is not there."""
    return BadSetting(
        f"STOCK_SYNC_PRODUCTS_TABLE={table!r}: the database of {CONNECTION} has no such table or view; allowed: a "
        "table or view, `name` or `schema.name`, as PostgreSQL spells it"
    )


def _to_mend(error: psycopg2.Error) -> tuple[str, str] | None:
    """Say what a person has to mend, and how; None for what may pass."""
    match error:
        case errors.InsufficientPrivilege():
            return f"the role of {CONNECTION} may not read it", "a role with SELECT on it"
        case errors.ReadOnlySqlTransaction():
            return "reading it would write", "a table or view that is only read"
        case errors.DataError():
            return "it cannot be read as it was asked to", "values that its columns and its view can hold"
        case psycopg2.ProgrammingError() | psycopg2.NotSupportedError() | errors.ObjectNotInPrerequisiteState():
            return "it cannot be read", "a table or view that SELECT reads"
    return None


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _all_lines(error: BaseException) -> str:
    """A line for each address that was tried; the one that tells is often the last."""
    return " ".join(str(error).split()) or type(error).__name__
