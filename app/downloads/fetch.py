"""One file from a server into its folder: several connections, every byte checked, resumed wherever it stopped.

What has arrived waits under a hidden name beside the target, with its block log. It is read again from there, in order,
to compute the digest; a block that reads otherwise than it arrived (after a power cut, say) is fetched again. The file
gets its name when size and digest are right.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from app.core.errors import WrongChoice, WrongContent, from_os_error
from app.core.jobs import CancelToken
from app.downloads.block_log import BlockLog
from app.downloads.checking import FileDigest, holds
from app.downloads.connection import Transfer, fetch_runs
from app.downloads.content import Content, kind_of
from app.downloads.location import Location, Locator
from app.downloads.partial_file import PartialFile
from app.downloads.session import open_session
from app.downloads.speed_limit import SpeedLimit
from app.downloads.unfinished import Unfinished, unfinished_of
from app.storage.atomic import put_in_place

_MOST_CONNECTIONS = 4
_ENOUGH_BYTES_PER_S = 50_000_000
"""More connections help where the network limits each; above this it is the computer that limits."""
_ONE_MORE_AFTER_S = 0.5
_LOOK_S = 0.1
_ATTEMPTS = 2
"""At content that arrives wrong."""

CHECKING = "Checking"

Tell = Callable[[str, int], None]
"""Of a stage, e.g. "Downloading", and how many bytes have arrived. May raise, which ends the download."""


def fetch_file(
    locate: Callable[[], Location],
    content: Content,
    target: Path,
    cancel: CancelToken,
    tell: Tell,
    limit: SpeedLimit,
) -> None:
    """Fetches `content` from where `locate` tells it to be, and goes on where an earlier attempt at it stopped.

    Calls `tell` at least several times a second while it arrives. What has arrived stays on disk when this is cancelled
    or fails, unless it is wrong. Raises NoConnection, HubFault, WrongContent, DiskFull, NotAllowed, WrongChoice where
    another file has this name or another process fetches it, Cancelled, and what `locate` and `tell` raise.
    """
    unfinished = unfinished_of(target, content)
    with unfinished.locked(target):
        if _is_there(target, content, cancel, tell):
            unfinished.remove()
        else:
            _Download(locate, content, target, unfinished, cancel, tell, limit).run()


def _is_there(target: Path, content: Content, cancel: CancelToken, tell: Tell) -> bool:
    """Raises WrongChoice where something else is."""
    if not target.exists():
        return False
    tell(CHECKING, content.size)
    try:
        same = holds(target, content, cancel)
    except OSError as error:
        raise from_os_error(error, target) from error
    if not same:
        raise WrongChoice(
            f"{target.name} is there already, with other content.",
            "Rename or remove it, then download again.",
        )
    return True


@dataclass
class _Download:
    locate: Callable[[], Location]
    content: Content
    target: Path
    unfinished: Unfinished
    cancel: CancelToken
    tell: Tell
    limit: SpeedLimit
    _threads: list[threading.Thread] = field(default_factory=list)

    def run(self) -> None:
        try:
            log = BlockLog(self.unfinished.log, self.content)
        except OSError as error:
            raise from_os_error(error, self.target, writing=True) from error
        try:
            self._fetch_right_content(log)
        finally:
            log.close()
        # Somebody may have put it there meanwhile.
        if _is_there(self.target, self.content, self.cancel, self.tell):
            self.unfinished.remove()
        else:
            put_in_place(self.unfinished.partial, self.target)

    def _fetch_right_content(self, log: BlockLog) -> None:
        for _ in range(_ATTEMPTS):
            found = self._fetch(log)
            if found == self.content.etag:
                return
            # All of it reads as it arrived, so it arrived wrong, and nothing tells which part.
            for block in list(log.checksums):
                log.forget(block)
        self.unfinished.remove()
        raise WrongContent(
            f"{self.target.name} does not arrive as it was announced: its {kind_of(self.content.etag)} should be"
            f" {self.content.etag} and is {found}.",
            "Try again later, or choose another file.",
        )

    def _fetch(self, log: BlockLog) -> str:
        """What is missing; returns the digest of the whole."""
        from huggingface_hub.constants import HF_HUB_DOWNLOAD_TIMEOUT

        path = self.unfinished.partial
        try:
            partial = PartialFile(path, log)
        except OSError as error:
            raise from_os_error(error, self.target, writing=True) from error
        transfer = Transfer(
            Locator(self.locate, self.content, self.target.name),
            partial,
            self.limit,
            open_session(),
            HF_HUB_DOWNLOAD_TIMEOUT,
        )
        try:
            with path.open("rb", buffering=0) as file:
                digest = FileDigest(file, log.extent, self.content)
                self._follow(transfer, digest)
        except OSError as error:
            raise from_os_error(error, path) from error
        finally:
            transfer.stop()
            self._join()
        return digest.hex

    def _follow(self, transfer: Transfer, digest: FileDigest) -> None:
        """Reads each block once it has arrived, until the last."""
        partial = transfer.partial
        pace = _Pace(partial.received_bytes)
        while not digest.is_whole:
            self.cancel.raise_if_cancelled()
            self._connect(transfer, pace)
            with partial.changed:
                partial.changed.wait_for(
                    lambda: partial.arrived(digest.next_block) or transfer.failure is not None, _LOOK_S
                )
                if transfer.failure is not None:
                    raise transfer.failure
            self._tell_of(transfer)
            if partial.arrived(digest.next_block) and not digest.add_block(
                partial.checksum(digest.next_block)
            ):
                partial.lose(digest.next_block)

    def _connect(self, transfer: Transfer, pace: _Pace) -> None:
        """One connection, and one more each half second that it does not go as fast as this computer can."""
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        received = transfer.partial.received_bytes
        if received >= self.content.size:
            return
        most = 1 if transfer.partial.only_to_the_end else _MOST_CONNECTIONS
        if not self._threads or (len(self._threads) < most and pace.is_slow(received)):
            thread = threading.Thread(target=fetch_runs, args=(transfer,), name="download", daemon=True)
            thread.start()
            self._threads.append(thread)

    def _tell_of(self, transfer: Transfer) -> None:
        received = transfer.partial.received_bytes
        waits = list(transfer.waits.values())
        stage = f"Waiting: {waits[-1]}" if waits and len(waits) >= len(self._threads) else "Downloading"
        self.tell(CHECKING if received >= self.content.size else stage, received)

    def _join(self) -> None:
        """Those that wait for a server that says nothing end by themselves; they write no more."""
        for thread in self._threads:
            thread.join(timeout=_LOOK_S)


class _Pace:
    """Whether bytes come slower than the computer could take them."""

    def __init__(self, received: int) -> None:
        self._since = time.monotonic()
        self._received = received

    def is_slow(self, received: int) -> bool:
        """Tells once in each half second."""
        now = time.monotonic()
        passed = now - self._since
        if passed < _ONE_MORE_AFTER_S:
            return False
        rate = (received - self._received) / passed
        self._since, self._received = now, received
        return rate < _ENOUGH_BYTES_PER_S
