"""From what a connection can come to, to faults with a sentence and a next step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.errors import NoConnection

if TYPE_CHECKING:
    import httpx2


class ConnectionCut(NoConnection):
    """Perhaps only a kept connection that the server has closed meanwhile: asking again at once may help."""


def connection_fault(error: httpx2.RequestError, host: str) -> NoConnection:
    """The text of `error` is not shown: it could name a proxy's password."""
    import httpx2

    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return NoConnection(
            f"The certificate of {host} is not trusted.",
            "If your network has a certificate of its own, set SSL_CERT_FILE to it.",
        )
    if isinstance(error, httpx2.ProxyError):
        return proxy_refuses()
    if isinstance(error, httpx2.TimeoutException):
        return NoConnection(f"{host} does not answer in time.", "Try again later.")
    if isinstance(error, httpx2.ConnectError):
        return NoConnection(f"There is no connection to {host}.", "Check the network, then try again.")
    return ConnectionCut(f"The connection to {host} was cut.", "Try again.")


def proxy_refuses() -> NoConnection:
    return NoConnection("The proxy does not let Nibble through.", "Look at HTTPS_PROXY and HTTP_PROXY.")
