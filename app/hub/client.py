"""Hub: one server of models, asked through huggingface_hub's session.

So proxies, certificates and HF_HUB_OFFLINE are as its users expect. Its calls are not used: they wait for as long as a
server likes, ask again for half a minute before they say that there is no network, and cannot be cancelled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote, urljoin

import msgspec

from app import __version__
from app.core.errors import NoConnection
from app.core.jobs import CancelToken
from app.downloads.network_faults import ConnectionCut, connection_fault
from app.downloads.origin import origin_of, split_address
from app.downloads.session import open_session
from app.hub.faults import not_understood, offline_wished, refusal
from app.hub.token import stored_token

if TYPE_CHECKING:
    import httpx2

T = TypeVar("T")
Parameters = Sequence[tuple[str, str]]

_LARGEST_ANSWER_BYTES = 1 << 26
_MOST_REDIRECTS = 10
_HOME = ("https://huggingface.co", "https://hf.co")
"""Who stands for the Hub elsewhere (HF_ENDPOINT) may send people there, with their token."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`next`: the path of the page after this one, None on the last."""

    content: bytes
    next: str | None

    def read(self, kind: type[T], subject: str) -> T:
        """Raises HubFault where the JSON is none, or of another kind."""
        try:
            return msgspec.json.decode(self.content, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise not_understood(subject) from None


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """Where a file is now. `etag` without quotes: on the Hub the content's digest, SHA-256 of large files.

    `url` may be signed and expire; `headers` go with each request to it, the token only where it leads to the Hub.
    """

    repository: str
    path: str
    commit: str
    etag: str
    size: int
    url: str
    headers: Mapping[str, str]


class Hub:
    """`endpoint`, e.g. "https://huggingface.co"; `token` is sent there and nowhere else.

    All methods raise NoConnection, OfflineWished, NotOnHub, GatedRepository, TokenRefused, RateLimited, HubFault, and
    Cancelled when `cancel` is. `subject` is what their sentences call what was asked for. For several threads.
    """

    def __init__(self, endpoint: str, token: str | None = None) -> None:
        self.endpoint = endpoint.rstrip("/")
        self._token = token

    def page(self, repository: str) -> str:
        """Where a browser shows it."""
        return f"{self.endpoint}/{quote(repository)}"

    def get(
        self,
        path: str,
        subject: str,
        cancel: CancelToken,
        *,
        repository: str = "",
        parameters: Parameters = (),
    ) -> Answer:
        """The answer in full, up to 64 MiB; asked once more where the connection was cut."""
        try:
            return self._get(path, subject, cancel, repository, parameters)
        except ConnectionCut:
            return self._get(path, subject, cancel, repository, parameters)

    def _get(
        self, path: str, subject: str, cancel: CancelToken, repository: str, parameters: Parameters
    ) -> Answer:
        cancel.raise_if_cancelled()
        with self.request(
            "GET", self.endpoint + path, subject, repository, parameters=parameters
        ) as response:
            content = bytearray()
            for piece in response.iter_bytes():
                cancel.raise_if_cancelled()
                content += piece
                if len(content) > _LARGEST_ANSWER_BYTES:
                    raise not_understood(subject)
            return Answer(bytes(content), _next_page(response))

    def locate(self, repository: str, path: str, cancel: CancelToken, revision: str = "main") -> RemoteFile:
        """Where the file is; of a large one, without asking the host that has it."""
        subject = f"{path} of {repository}"
        address = f"{self.endpoint}/{quote(repository)}/resolve/{quote(revision, safe='')}/{quote(path)}"
        for _ in range(_MOST_REDIRECTS):
            cancel.raise_if_cancelled()
            with self.request("HEAD", address, subject, repository) as response:
                told = response.headers
                target = _joined(address, told["Location"]) if response.has_redirect_location else None
                if target is not None and self._is_hub(target) and "X-Linked-ETag" not in told:
                    address = target
                    continue
                etag = told.get("X-Linked-ETag") or told.get("ETag", "")
                size = told.get("X-Linked-Size") or ("" if target else told.get("Content-Length")) or ""
                if not etag or not size.isdecimal():
                    raise not_understood(subject)
                return RemoteFile(
                    repository,
                    path,
                    told.get("X-Repo-Commit", ""),
                    etag.removeprefix("W/").strip('"'),
                    int(size),
                    target or address,
                    self._headers(target or address),
                )
        raise not_understood(subject)

    @contextmanager
    def request(
        self,
        method: str,
        url: str,
        subject: str,
        repository: str,
        *,
        headers: Mapping[str, str] | None = None,
        parameters: Parameters = (),
    ) -> Iterator[httpx2.Response]:
        """An open answer with a status below 400. What `headers` are without, the token included, is added for the Hub
        itself; it does not travel with redirects to another host.
        """
        import httpx2
        from huggingface_hub import constants
        from huggingface_hub.errors import OfflineModeIsEnabled

        try:
            with open_session().stream(
                method,
                url,
                params=list(parameters) or None,
                headers={**self._headers(url), **(headers or {})},
                timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT,
                follow_redirects=method != "HEAD",
            ) as response:
                if response.status_code >= 400:
                    raise refusal(response, self.endpoint, self._token, subject, repository)
                yield response
        except OfflineModeIsEnabled:
            raise offline_wished() from None
        except httpx2.RequestError as error:
            raise connection_fault(error, split_address(url).netloc) from None
        except (httpx2.InvalidURL, UnicodeError):
            raise NoConnection(f"{self.endpoint} is no address of a Hub.", "Check HF_ENDPOINT.") from None

    def _headers(self, url: str) -> dict[str, str]:
        headers = {"User-Agent": f"nibble/{__version__}"}
        if self._token and self._is_hub(url):
            headers["Authorization"] = f"Bearer {self._token}"
        return headers

    def _is_hub(self, url: str) -> bool:
        origin = origin_of(url)
        return origin == origin_of(self.endpoint) or origin in _HOME


def open_hub() -> Hub:
    """As huggingface_hub is configured (HF_ENDPOINT), with the token that is stored."""
    from huggingface_hub import constants

    return Hub(constants.ENDPOINT, stored_token(constants.ENDPOINT))


def _next_page(response: httpx2.Response) -> str | None:
    """Without its host: a page of ours is on our Hub, whatever the server says."""
    url = response.links.get("next", {}).get("url")
    if not url:
        return None
    split = split_address(url)
    return f"{split.path}?{split.query}"


def _joined(address: str, location: str) -> str:
    """Raises HubFault."""
    try:
        return urljoin(address, location)
    except ValueError:
        raise not_understood("a file's address") from None
