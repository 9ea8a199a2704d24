"""The error of TLS under a driver's own error, where it does not pass by itself."""

import ssl

_AN_END_IN_THE_HANDSHAKE = (ssl.SSLEOFError, ssl.SSLZeroReturnError)


def tls_error(error: BaseException) -> ssl.SSLError | None:
    """Find it among the causes; None: there is none, or a server went away in the middle of a handshake."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    return None if isinstance(cause, _AN_END_IN_THE_HANDSHAKE) else cause
