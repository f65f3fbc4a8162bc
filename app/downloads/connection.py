"""One connection to the server: fetches runs of blocks until there are none left."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.core.errors import HubBusy, HubFault, NoConnection, RateLimited, from_os_error
from app.downloads.location import Location, Locator
from app.downloads.partial_file import PartialFile, Run
from app.downloads.patience import Patience
from app.downloads.retry_after import retry_after_s
from app.downloads.speed_limit import SpeedLimit

if TYPE_CHECKING:
    import httpx2

_MAY_HAVE_EXPIRED = (400, 401, 403, 404, 410)
"""How servers say that a signed address is no longer good."""
_PARTIAL_CONTENT = 206
_WRONG_RANGE = 416
_ASK_AGAIN = (408, 425, 429)
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class _Stale(Exception):
    """What is at this address is not what it was, or nothing: ask where the file is now."""


class _OnlyWholeFiles(Exception):
    """The server sends the whole file, whatever it was asked for."""


class _AskAgain(Exception):
    """Nothing useful came. `wait_s`: as the server wishes."""

    def __init__(self, reason: str, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


@dataclass
class Transfer:
    """What the connections of one file share. `stall_s`: how long a server may say nothing.

    `failure`: the first thing that none of them can mend; `waits`: why nothing comes over some of them at the moment.
    `etags`: what came from each address first.
    """

    locator: Locator
    partial: PartialFile
    limit: SpeedLimit
    session: httpx2.Client
    stall_s: float
    stopped: threading.Event = field(default_factory=threading.Event)
    etags: dict[str, str] = field(default_factory=dict)
    failure: BaseException | None = None
    waits: dict[_Connection, str] = field(default_factory=dict)

    def fail(self, error: BaseException) -> None:
        with self.partial.changed:
            self.failure = self.failure or error
            self.stopped.set()
            self.partial.changed.notify_all()

    def stop(self) -> None:
        """From now on nothing is written, though a connection may wait for its server a while."""
        self.stopped.set()
        self.partial.close()


def fetch_runs(transfer: Transfer) -> None:
    """Until nothing is left or the transfer is stopped; what goes wrong is left in `transfer.failure`."""
    try:
        _Connection(transfer).work()
    except OSError as error:
        transfer.fail(from_os_error(error, transfer.partial.path, writing=True))
    except BaseException as error:
        transfer.fail(error)


class _Connection:
    def __init__(self, transfer: Transfer) -> None:
        self._transfer = transfer
        self._partial = transfer.partial
        self._patience = Patience()
        self._renewed: Location | None = None

    def work(self) -> None:
        while not self._transfer.stopped.is_set():
            run = self._partial.take()
            if run is None:
                return
            try:
                self._fetch(run)
            except _OnlyWholeFiles:
                pass  # whoever gives back the last run takes all that is missing
            finally:
                self._partial.give_back(run)

    def _fetch(self, run: Run) -> None:
        """Until `run` is whole, however often the server hangs up; with waits between attempts that bring nothing."""
        while run.position < run.end and not self._transfer.stopped.is_set():
            before = run.position
            trouble = self._attempt(run)
            if run.position > before:
                self._patience, self._renewed = Patience(), None
            elif trouble is not None:
                wait_s = self._patience.wait_s(str(trouble), trouble.wait_s)
                self._transfer.waits[self] = str(trouble)
                self._transfer.stopped.wait(wait_s)

    def _attempt(self, run: Run) -> _AskAgain | None:
        """One request; why asking again may help, None where it may at once."""
        import httpx2

        try:
            location = self._transfer.locator.location()
            try:
                self._request(run, location)
            except _Stale as stale:
                self._renew(location, stale)
                return None
            return _AskAgain("the connection was cut")
        except _AskAgain as trouble:
            return trouble
        except RateLimited as fault:
            return _AskAgain(fault.message.rstrip("."), fault.retry_after_s or 0.0)
        except (NoConnection, HubBusy) as fault:
            return _AskAgain(fault.message.rstrip("."))
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.TooManyRedirects, UnicodeError):
            raise HubFault(
                "The address that the server tells for the file is none.",
                "If HF_ENDPOINT is set, check it; else try again later.",
            ) from None
        except httpx2.TransportError as error:
            return _AskAgain(_words(error))

    def _renew(self, location: Location, stale: _Stale) -> None:
        if self._renewed is location:
            raise HubFault(
                f"The server does not give the file as it announces it: {stale}.",
                "Try again later, or look at its page.",
            ) from None
        self._renewed = self._transfer.locator.renew(location)
        self._transfer.etags.pop(location.url, None)  # the Hub says that it is right

    def _request(self, run: Run, location: Location) -> None:
        """Writes what comes of `run`."""
        transfer = self._transfer
        headers = {
            **location.headers,
            "Accept-Encoding": "identity",
            "Range": f"bytes={run.position}-{run.end - 1}",
        }
        with transfer.session.stream(
            "GET", location.url, headers=headers, timeout=transfer.stall_s
        ) as response:
            to_skip = self._bytes_before(response, run, location)
            transfer.waits.pop(self, None)
            for piece in response.iter_raw():
                transfer.limit.take(len(piece), transfer.stopped)
                # Not left as soon as the run is whole: a connection can be used again after the answer's end.
                if transfer.stopped.is_set() or run.position == run.end:
                    return
                skipped = min(to_skip, len(piece))
                to_skip -= skipped
                self._partial.receive(run, memoryview(piece)[skipped : skipped + run.end - run.position])

    def _bytes_before(self, response: httpx2.Response, run: Run, location: Location) -> int:
        """How many bytes of the answer come before those that are wanted; raises what it means when it has none."""
        status, size = response.status_code, location.content.size
        if status in _MAY_HAVE_EXPIRED:
            raise _Stale(f"it answers {status}")
        if status in _ASK_AGAIN or status >= 500:
            raise _AskAgain(f"the server answers {status}", retry_after_s(response.headers) or 0.0)
        etag = response.headers.get("ETag", "")
        if status == _WRONG_RANGE or etag != self._transfer.etags.setdefault(location.url, etag):
            raise _Stale("it has something else now")
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise _AskAgain("the server sends the file compressed")
        if status == _PARTIAL_CONTENT:
            told = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if told is None or int(told[1]) != run.position or told[2] not in ("*", str(size)):
                raise _Stale("it sends another part than it was asked for")
            return 0
        if status != 200:
            raise _AskAgain(f"the server answers {status}")
        if response.headers.get("Content-Length", str(size)) != str(size):
            raise _Stale("it has another size")
        if (run.position, run.end) != (0, size) and not self._partial.extend_to_the_end(run):
            raise _OnlyWholeFiles
        return run.position


def _words(error: Exception) -> str:
    import httpx2

    match error:
        case httpx2.ConnectError() | httpx2.ConnectTimeout():
            return "the server cannot be reached"
        case httpx2.ProxyError():
            return "the proxy cannot be reached"
        case httpx2.TimeoutException():
            return "the server has stopped sending"
        case _:
            return "the connection was cut"
