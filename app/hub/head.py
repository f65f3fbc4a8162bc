"""The start of a file on the Hub, fetched by ranges as far as a reader wants it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from app.core.errors import DamagedGguf, EnvironmentFault, HubFault, NotOnHub, TokenRefused
from app.core.jobs import CancelToken
from app.core.units import format_bytes
from app.downloads.network_faults import ConnectionCut
from app.hub.client import Hub, RemoteFile

if TYPE_CHECKING:
    import httpx2

T = TypeVar("T")

_MOST_BYTES = 1 << 26
"""Headers of real models have 20 MB at most."""
_ATTEMPTS = 3
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_PARTIAL_CONTENT = 206


class ContentChanged(Exception):
    """The server has something else now, or its address is no longer good: begin again."""


class RemoteHead:
    """A byte source for `app.gguf.read_header`. What was fetched is kept; what lies between comes along.

    A server that ignores ranges sends all from the first byte; then no more is read of it than is wanted.
    """

    def __init__(self, hub: Hub, file: RemoteFile, cancel: CancelToken) -> None:
        self.content = bytearray()
        self.file = file
        self._hub = hub
        self._cancel = cancel
        # The other host's, which need not be the digest that the Hub tells.
        self._etag: str | None = None

    @property
    def name(self) -> str:
        return self.file.path.rpartition("/")[2]

    @property
    def size(self) -> int:
        return self.file.size

    def read_at(self, offset: int, size: int) -> bytes:
        """Raises ContentChanged, DamagedGguf beyond 64 MiB, and what `Hub` raises."""
        end = min(offset + size, self.size)
        if end > _MOST_BYTES:
            raise DamagedGguf(
                f"{self.name} is damaged: its header claims more than {format_bytes(_MOST_BYTES)}.",
                "Choose another file.",
            )
        for attempt in range(1, _ATTEMPTS + 1):
            if len(self.content) >= end:
                break
            try:
                self._fetch_until(end)
            except ConnectionCut:
                if attempt == _ATTEMPTS:
                    raise
        return bytes(self.content[offset:end])

    def _fetch_until(self, end: int) -> None:
        """One request; what came before a cut is kept."""
        self._cancel.raise_if_cancelled()
        start = len(self.content)
        headers = {**self.file.headers, "Accept-Encoding": "identity", "Range": f"bytes={start}-{end - 1}"}
        if self._etag is not None and start:
            headers["If-Range"] = self._etag
        try:
            with self._hub.request(
                "GET", self.file.url, self.name, self.file.repository, headers=headers
            ) as response:
                to_skip = self._bytes_before(response, start)
                for piece in response.iter_raw():
                    self._cancel.raise_if_cancelled()
                    skipped = min(to_skip, len(piece))
                    to_skip -= skipped
                    self.content += piece[skipped : skipped + end - len(self.content)]
                    if len(self.content) >= end:
                        return
        except (HubFault, NotOnHub, TokenRefused) as fault:
            if self.file.url.startswith(self._hub.endpoint):
                raise
            raise ContentChanged from fault  # how other hosts say that a signed address has expired
        raise ConnectionCut(f"The server ends {self.name} before its size.", "Try again.")

    def _bytes_before(self, response: httpx2.Response, start: int) -> int:
        """How many bytes of the answer come before those that are wanted. Raises ContentChanged."""
        etag = response.headers.get("ETag")
        if self._etag not in (None, etag):
            raise ContentChanged
        self._etag = etag if etag and not etag.startswith("W/") else None
        if response.status_code != _PARTIAL_CONTENT:
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise ContentChanged
            return start
        told = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if told is None or int(told[1]) != start or told[2] not in ("*", str(self.size)):
            raise ContentChanged
        return 0


def read_head(
    hub: Hub, locate: Callable[[], RemoteFile], read: Callable[[RemoteHead], T], cancel: CancelToken
) -> tuple[RemoteHead, T]:
    """What `read` makes of the start of a file, and that start; once more from the first byte where it changes
    meanwhile. Raises what `read` and `Hub` raise, and HubFault where it keeps changing."""
    reason: BaseException | None = None
    for _ in range(2):
        head = RemoteHead(hub, locate(), cancel)
        try:
            return head, read(head)
        except ContentChanged as change:
            reason = change.__cause__
    if isinstance(reason, EnvironmentFault):
        raise reason
    raise HubFault(
        f"The server keeps sending something else for {head.name} than it announced.", "Try again later."
    )
