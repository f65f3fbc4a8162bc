"""Releases: which one is the newest, asked only when a person wants to know.

One request, to the server that `[project.urls] Releases` of the project names, through huggingface_hub's session: so
proxies, certificates and HF_HUB_OFFLINE count as they do for models. It tells no more than Nibble's version. Whatever
comes back is taken for hostile: its size, the time it takes and where it may lead are limited, and nothing of it is
ever opened, fetched or run from here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from importlib.metadata import PackageNotFoundError, metadata
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import msgspec
from packaging.version import InvalidVersion, Version

from app import __version__
from app.core.errors import EnvironmentFault, NoRelease, OfflineWished, RateLimited, ReleaseFault
from app.core.jobs import CancelToken
from app.downloads.network_faults import connection_fault, proxy_refuses
from app.downloads.origin import origin_of, split_address
from app.downloads.retry_after import retry_after_s
from app.downloads.session import open_session

if TYPE_CHECKING:
    import httpx2

LARGEST_ANSWER_BYTES = 1 << 21
"""The list of a release's files with their descriptions takes some 100 KB."""
LONGEST_NOTES = 20_000
PATIENCE_S = 20.0
"""For all of it; the server may be silent for half of that."""
_MOST_REDIRECTS = 3
_LONGEST_VERSION = 64


class Standing(Enum):
    """Of this Nibble, beside the newest release."""

    OUTDATED = "outdated"
    CURRENT = "current"
    AHEAD = "ahead"
    """Built from newer source, or a trial version of what comes."""


@dataclass(frozen=True)
class Release:
    """The newest one. `page` is where people get it, `notes` what its makers say of it, plain text or Markdown;
    `published`: a day, as 2026-11-27, empty where it is not said."""

    version: str
    page: str
    notes: str
    published: str
    standing: Standing


class _Answer(msgspec.Struct, frozen=True):
    """Of GitHub's `GET /repos/{owner}/{repo}/releases/latest`, which leaves out drafts and trial versions."""

    tag_name: str
    html_url: str = ""
    body: str | None = None
    published_at: str | None = None


def releases_address() -> str | None:
    """Where this Nibble's releases are; None where whoever built it has not said."""
    try:
        lines = metadata("nibble").get_all("Project-URL") or []
    except PackageNotFoundError:
        return None
    named = dict(line.split(", ", 1) for line in lines if ", " in line)
    address = named.get("Releases", "").rstrip("/")
    return address if split_address(address).scheme in ("https", "http") else None


def asked_host(releases: str) -> str:
    """Whom `newest_release` asks."""
    return _host(_question(releases))


def newest_release(cancel: CancelToken, address: str | None = None, current: str = __version__) -> Release:
    """`address`: as `releases_address`, which is the default.

    Raises NoConnection, OfflineWished, RateLimited, NoRelease, ReleaseFault, and Cancelled when `cancel` is.
    """
    releases = address or releases_address()
    if releases is None:
        raise NoRelease("This Nibble does not know where its releases are.", "Look where you got it.")
    content = _fetch(_question(releases), releases, cancel)
    try:
        answer = msgspec.json.decode(content, type=_Answer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise _not_understood(releases) from None
    newest = _version(answer.tag_name)
    if newest is None:
        raise _not_understood(releases)
    return Release(
        str(newest),
        _page(answer.html_url, releases),
        _plain((answer.body or "")[:LONGEST_NOTES]),
        _day(answer.published_at or ""),
        standing_of(current, str(newest)),
    )


def standing_of(current: str, newest: str) -> Standing:
    """Both as PEP 440 writes versions: 0.10 is newer than 0.9, and 1.0rc1 older than 1.0."""
    # What follows a plus sign says who built it, not how new it is.
    own, other = Version(Version(current).public), Version(Version(newest).public)
    if own == other:
        return Standing.CURRENT
    return Standing.OUTDATED if own < other else Standing.AHEAD


def _question(releases: str) -> str:
    """The address of the JSON: GitHub's own, or that of a GitHub of somebody's own."""
    split = split_address(releases)
    path = split.path.removesuffix("/releases").strip("/")
    if split.netloc.lower() == "github.com":
        return f"https://api.github.com/repos/{path}/releases/latest"
    return f"{split.scheme}://{split.netloc}/api/v3/repos/{path}/releases/latest"


def _fetch(url: str, releases: str, cancel: CancelToken) -> bytes:
    until = time.monotonic() + PATIENCE_S
    origin = origin_of(url)
    for _ in range(_MOST_REDIRECTS + 1):
        cancel.raise_if_cancelled()
        with _asked(url, releases) as response:
            if response.has_redirect_location:  # of a project that was renamed
                url = _joined(url, response.headers["Location"], releases)
                if origin_of(url) != origin:
                    raise ReleaseFault(
                        f"{_host(releases)} sends Nibble on to another server, where it does not go.",
                        f"Look at {releases} yourself.",
                    )
                continue
            return _read(response, releases, cancel, until)
    raise _not_understood(releases)


@contextmanager
def _asked(url: str, releases: str) -> Iterator[httpx2.Response]:
    """An open answer that is neither a refusal nor trouble."""
    import httpx2
    from huggingface_hub.errors import OfflineModeIsEnabled

    headers = {
        "User-Agent": f"nibble/{__version__}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
        "Accept-Encoding": "identity",  # a small answer could be packed out to a very large one
    }
    try:
        with open_session().stream(
            "GET", url, headers=headers, timeout=PATIENCE_S / 2, follow_redirects=False
        ) as response:
            if response.status_code >= 400:
                raise _refusal(response, releases)
            yield response
    except OfflineModeIsEnabled:
        raise OfflineWished(
            "HF_HUB_OFFLINE is set, so Nibble asks nobody on the network.",
            "Unset it and start Nibble again.",
        ) from None
    except httpx2.RequestError as error:
        raise connection_fault(error, _host(url)) from None
    except (httpx2.InvalidURL, UnicodeError):
        raise _not_understood(releases) from None


def _read(response: httpx2.Response, releases: str, cancel: CancelToken, until: float) -> bytes:
    content = bytearray()
    for piece in response.iter_bytes():
        cancel.raise_if_cancelled()
        content += piece
        if len(content) > LARGEST_ANSWER_BYTES:
            raise _not_understood(releases)
        if time.monotonic() > until:
            raise ReleaseFault(f"{_host(releases)} answers too slowly.", "Try again later.")
    return bytes(content)


def _refusal(response: httpx2.Response, releases: str) -> EnvironmentFault:
    from app.core.units import format_duration

    status, host = response.status_code, _host(releases)
    if status == 407:
        return proxy_refuses()
    if status == 404:
        return NoRelease("No release of Nibble has been published yet.", f"Look at {releases} later.")
    if status == 429 or (status == 403 and response.headers.get("X-RateLimit-Remaining") == "0"):
        wait_s = retry_after_s(response.headers)
        when = f"in {format_duration(max(round(wait_s), 10))}" if wait_s is not None else "in an hour"
        return RateLimited(
            f"{host} has been asked too often from here.", f"Try again {when}.", retry_after_s=wait_s
        )
    if status >= 500:
        return ReleaseFault(f"{host} has a problem of its own (it answers {status}).", "Try again later.")
    return ReleaseFault(f"{host} refuses to answer (it says {status}).", f"Look at {releases} yourself.")


def _not_understood(releases: str) -> ReleaseFault:
    return ReleaseFault(
        f"What {_host(releases)} answers tells nothing of a release.",
        f"Try again later, or look at {releases} yourself.",
    )


def _version(tag: str) -> Version | None:
    try:
        return Version(tag) if len(tag) <= _LONGEST_VERSION else None  # it takes the v of v1.2, too
    except InvalidVersion:
        return None


def _page(told: str, releases: str) -> str:
    """The release's own page where it is one of ours; else that of all releases."""
    clean = told.isascii() and told.isprintable() and " " not in told
    return (
        told
        if clean and len(told) < 300 and told.startswith(f"{releases}/") and ".." not in told
        else releases
    )


def _plain(notes: str) -> str:
    """Without what would show the text otherwise than it is."""
    kept = notes.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(each for each in kept if each.isprintable() or each in "\n\t").strip()


def _day(published: str) -> str:
    day = published[:10]
    return day if len(day) == 10 and day.replace("-", "").isdecimal() and day.isascii() else ""


def _joined(address: str, location: str, releases: str) -> str:
    try:
        return urljoin(address, location)
    except ValueError:
        raise _not_understood(releases) from None


def _host(releases: str) -> str:
    return split_address(releases).netloc.rpartition("@")[2]
