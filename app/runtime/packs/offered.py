"""Which runtime packs this release offers for download; what is not in that list is not unpacked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any

import msgspec

import resources
from app.downloads import Content

_NAME = r"^[a-z0-9][a-z0-9._+-]{0,63}$"
_ADDRESS = r"^https?://[^\s/]+/\S+$"
_DIGEST = r"^[0-9a-f]{64}$"
_CUDA = re.compile(r"cuda-(\d+)")

Name = Annotated[str, msgspec.Meta(pattern=_NAME)]
Size = Annotated[int, msgspec.Meta(gt=0, lt=1 << 40)]


class OfferedPack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`name`: "cuda-13"; `title`, as its manifest and people call it: "CUDA 13". `version`: of llama-cpp-python, from
    whose source archive it was built. `bytes` and `sha256` are the archive's,
    `unpacked_bytes` all that it holds. `system`: "linux", "macos" or "windows"; `machine`: "x86_64" or "arm64"."""

    name: Name
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    backend: Name
    system: Name
    machine: Name
    version: Name
    address: Annotated[str, msgspec.Meta(pattern=_ADDRESS)]
    bytes: Size
    unpacked_bytes: Size
    sha256: Annotated[str, msgspec.Meta(pattern=_DIGEST)]

    @property
    def content(self) -> Content:
        return Content(self.bytes, self.sha256)

    @property
    def folder_name(self) -> str:
        """With the version: the new one is whole before an older one goes."""
        return f"{self.name}-{self.version}"

    @property
    def cuda(self) -> int | None:
        """The CUDA major version of `cuda-13`."""
        found = _CUDA.fullmatch(self.name)
        return int(found[1]) if found else None


def offered_packs(rows: Iterable[dict[str, Any]] | None = None) -> tuple[OfferedPack, ...]:
    """Those of all systems, in the order of the list that came with this Nibble. Raises msgspec.ValidationError for
    rows that describe none: they are a part of the program."""
    return tuple(msgspec.convert(list(resources.packs() if rows is None else rows), list[OfferedPack]))
