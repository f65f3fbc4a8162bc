"""The digests by which the Hub names contents, and a server that has something else than was chosen."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from app.core.errors import HubFault, WrongContent
from app.downloads import Content, DownloadStore, Location, WantedFile, enqueue
from app.downloads.content import kind_of
from app.downloads.location import Locator

SHA256 = hashlib.sha256(b"weights").hexdigest()
OTHER = hashlib.sha256(b"other").hexdigest()


def test_a_small_file_has_the_digest_that_git_gives_it() -> None:
    """The example of https://git-scm.com/book/en/v2/Git-Internals-Git-Objects."""
    content = Content(13, "d670460b4b4aece5915caf5c68d12f560a9fe3e4")
    hasher = content.hasher()
    hasher.update(b"test content\n")
    assert hasher.hexdigest() == content.etag
    assert kind_of(content.etag) == "Git SHA-1"


@pytest.mark.parametrize(
    "etag", ["", "abc", "Z" * 64, "0" * 32, SHA256.upper(), f'"{SHA256}"', SHA256 + "-2"]
)
def test_other_etags_are_no_digests(etag: str) -> None:
    assert kind_of(etag) is None


@pytest.mark.parametrize("told", [Content(7, OTHER), Content(8, SHA256), Content(8, "mirror-5")])
def test_a_server_that_has_something_else_is_told_with_both(told: Content) -> None:
    locator = Locator(lambda: Location("http://x", told), Content(7, SHA256), "M.gguf")
    with pytest.raises(WrongContent) as caught:
        locator.location()
    assert SHA256 in str(caught.value)
    assert told.etag in str(caught.value)


def test_a_mirror_with_etags_of_its_own_is_believed_until_the_bytes_are_there() -> None:
    locator = Locator(lambda: Location("http://x", Content(7, "mirror-5")), Content(7, SHA256), "M.gguf")
    assert locator.location().url == "http://x"


def test_an_address_is_asked_for_once_and_again_only_when_it_is_stale() -> None:
    asked = []

    def locate() -> Location:
        asked.append(1)
        return Location(f"http://x/{len(asked)}", Content(7, SHA256))

    locator = Locator(locate, Content(7, SHA256), "M.gguf")
    first = locator.location()
    assert locator.location() is first
    second = locator.renew(first)
    assert locator.renew(first) is second  # another thread was faster
    assert len(asked) == 2


def test_a_file_that_could_not_be_checked_is_not_put_into_the_queue(home: Path) -> None:
    home.mkdir()
    with DownloadStore(home / "nibble.db") as store:
        with pytest.raises(HubFault, match="digest"):
            enqueue(store, "a/b", "main", "b", home / "models", [WantedFile("M.gguf", 7, "")])
        assert store.all() == []
