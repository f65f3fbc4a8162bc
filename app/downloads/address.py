"""A file at a plain address, whose size and SHA-256 are known beforehand: without the Hub, and without the queue."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from app import __version__
from app.core.errors import HubBusy, HubFault, OfflineWished, RateLimited
from app.core.jobs import CancelToken
from app.downloads.content import Content
from app.downloads.fetch import Tell, fetch_file
from app.downloads.location import Location
from app.downloads.network_faults import ConnectionCut, connection_fault, proxy_refuses
from app.downloads.retry_after import retry_after_s
from app.downloads.session import open_session
from app.downloads.speed_limit import SpeedLimit

if TYPE_CHECKING:
    import httpx2

_PROXY_AUTHENTICATION_REQUIRED = 407
_AGAIN_HINT = "Try again later."


def fetch_address(
    address: str, content: Content, target: Path, cancel: CancelToken, tell: Tell, limit: SpeedLimit
) -> None:
    """As `fetch_file`, from `address`, which may lead to others: what arrives counts by its digest alone.

    What nobody need wait for is raised at once: OfflineWished where HF_HUB_OFFLINE is set, NoConnection for a proxy
    or a certificate that lets nothing through, HubFault for an address where nothing is.
    """
    found: list[Location] = []
    if not target.exists():  # else nobody need be asked
        with suppress(ConnectionCut, HubBusy, RateLimited):  # for which a download has patience
            found.append(locate(address, content))
    cancel.raise_if_cancelled()
    fetch_file(
        lambda: found.pop() if found else locate(address, content), content, target, cancel, tell, limit
    )


def locate(address: str, content: Content) -> Location:
    """Asks for one byte: whoever signs addresses for reading alone answers no HEAD. Raises what `fetch_address` does,
    and RateLimited and HubBusy from servers that ask for patience."""
    import httpx2
    from huggingface_hub import constants

    host = urlsplit(address).hostname or address
    if constants.is_offline_mode():
        raise OfflineWished(
            f"HF_HUB_OFFLINE is set, so nothing is downloaded from {host}.", "Unset it, then try again."
        )
    agent = {"User-Agent": f"nibble/{__version__}"}
    headers = {**agent, "Range": "bytes=0-0", "Accept-Encoding": "identity"}
    try:
        with open_session().stream(
            "GET", address, headers=headers, timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT
        ) as response:
            _require_served(response, host)
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.TooManyRedirects, UnicodeError):
        raise HubFault(f"{host} sends to an address that is none.", _AGAIN_HINT) from None
    except httpx2.RequestError as error:
        raise connection_fault(error, host) from None
    return Location(address, content, agent)


def _require_served(response: httpx2.Response, host: str) -> None:
    status = response.status_code
    if status == _PROXY_AUTHENTICATION_REQUIRED:
        raise proxy_refuses()
    if status == 429:
        raise RateLimited(
            f"{host} has been asked too often from here.",
            _AGAIN_HINT,
            retry_after_s=retry_after_s(response.headers),
        )
    if status >= 500:
        raise HubBusy(f"{host} has a problem of its own (it answers {status}).", _AGAIN_HINT)
    if status not in (200, 206):
        raise HubFault(f"{host} does not have the file (it answers {status}).", _AGAIN_HINT)
