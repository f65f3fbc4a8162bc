"""The index of packs that comes with a release."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

import resources
from app.runtime.packs.offered import offered_packs

ROW: dict[str, Any] = {
    "name": "cuda-13",
    "title": "CUDA 13",
    "backend": "cuda",
    "system": "linux",
    "machine": "x86_64",
    "version": "0.3.36",
    "address": "https://example.org/nibble-pack-cuda-13-0.3.36-linux-x86_64.tar.gz",
    "bytes": 412_000_000,
    "unpacked_bytes": 980_000_000,
    "sha256": "ab" * 32,
}


def test_index_of_the_checkout_can_be_read() -> None:
    assert len(offered_packs()) == len(resources.packs())


def test_pack_has_the_version_in_its_folder_and_cuda_in_its_name() -> None:
    cuda, vulkan = offered_packs([ROW, ROW | {"name": "vulkan", "backend": "vulkan"}])
    assert (cuda.folder_name, cuda.cuda) == ("cuda-13-0.3.36", 13)
    assert vulkan.cuda is None


@pytest.mark.parametrize(
    "change",
    [
        {"address": "file:///etc/passwd"},
        {"address": "ftp://example.org/pack.tar.gz"},
        {"address": "https://example.org"},
        {"address": "https:///pack.tar.gz"},
        {"name": "../evil"},
        {"name": ".hidden"},
        {"name": "CON"},
        {"version": "0.3/36"},
        {"sha256": "ab" * 31},
        {"sha256": "AB" * 32},
        {"bytes": 0},
        {"unpacked_bytes": -1},
        {"more": 1},
    ],
    ids=str,
)
def test_row_that_describes_no_pack_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        offered_packs([ROW | change])


@pytest.mark.parametrize("missing", ROW)
def test_row_that_lacks_something_is_refused(missing: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        offered_packs([{key: value for key, value in ROW.items() if key != missing}])
