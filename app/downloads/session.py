"""The HTTP session: huggingface_hub's, so that proxies, certificates and HF_HUB_OFFLINE are as its users expect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.errors import NoConnection

if TYPE_CHECKING:
    import httpx2


def open_session() -> httpx2.Client:
    """One for the whole process. Raises NoConnection where the environment asks for what cannot be had.

    The texts of errors are not shown: they could name a proxy's password.
    """
    from httpx2 import InvalidURL
    from huggingface_hub import get_session

    try:
        return get_session()
    except OSError:  # ssl.SSLError is one
        raise NoConnection(
            "The certificates that the environment names cannot be read.",
            "Look at SSL_CERT_FILE and SSL_CERT_DIR.",
        ) from None
    except (ImportError, InvalidURL, ValueError):  # for SOCKS another library would be needed
        raise NoConnection(
            "The proxy that the environment names is none that Nibble can use.",
            "Look at HTTPS_PROXY, HTTP_PROXY and ALL_PROXY: addresses of proxies begin with http:// or https://.",
        ) from None
