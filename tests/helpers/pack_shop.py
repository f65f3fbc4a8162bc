"""A server that has archives of runtime packs, and a person who gets them, without a window."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from app.core.jobs import CancelToken, JobControl, Progress
from app.downloads import SpeedLimit
from app.runtime.packs import PackState, RuntimePacks
from app.runtime.packs.getting import get_pack
from app.runtime.packs.offered import OfferedPack
from app.runtime.packs.place import PackPlace
from app.storage import DataFolder
from tests.helpers.hub_server import HubServer, Repository
from tests.helpers.packs import offer_of

REPOSITORY = "nibble/packs"

_RELEASE = """
import sys
import msgspec
import resources
rows = msgspec.json.decode(sys.argv.pop(1))
resources.packs = lambda: rows
from app.__main__ import main
sys.exit(main())
"""


def command_of(offers: Sequence[OfferedPack]) -> list[str]:
    """`nibble` of a release that offers these: its index is a part of the program, which nothing outside changes."""
    return [sys.executable, "-P", "-c", _RELEASE, msgspec.json.encode(offers).decode()]


@dataclass
class PackShop:
    """`data`: the person's data folder. The addresses lead on to others, as those of releases do."""

    server: HubServer
    data: DataFolder
    offers: list[OfferedPack] = field(default_factory=list)
    progress: list[Progress] = field(default_factory=list)
    limit: SpeedLimit = field(default_factory=SpeedLimit)

    def offer(self, archive: bytes, **facts: Any) -> OfferedPack:
        """The server has it, and the release names it."""
        if REPOSITORY not in self.server.repositories:
            self.server.add(Repository(REPOSITORY))
        name = f"pack-{len(self.offers)}.zip"  # which the server has on another host, behind signed addresses
        self.server.repositories[REPOSITORY].files[name] = archive
        address = f"{self.server.url}/{REPOSITORY}/resolve/main/{name}"
        made = offer_of(archive, **{"address": address, **facts})
        self.offers.append(made)
        return made

    @property
    def place(self) -> PackPlace:
        return PackPlace(self.data.packs, self.offers)

    @property
    def packs(self) -> RuntimePacks:
        return RuntimePacks((self.data.packs,), self.data)

    def get(self, pack: OfferedPack, cancel: CancelToken | None = None) -> PackState:
        control = JobControl(cancel or CancelToken(), self._hear)
        return get_pack(pack, self.packs, self.place, control, self.limit)

    def present(self) -> list[str]:
        """What can be seen in the place of packs."""
        return sorted(path.name for path in self.data.packs.glob("[!.]*"))

    def hidden(self) -> list[str]:
        """What else is there, without the locks."""
        paths = self.data.packs.glob(".*")
        return sorted(path.name for path in paths if not path.name.endswith(".lock"))

    def content(self, pack: OfferedPack) -> dict[str, bytes]:
        folder = self.data.packs / pack.folder_name
        files = (path for path in folder.rglob("*") if path.is_file())
        return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}

    @property
    def folder(self) -> Path:
        return self.data.packs

    def _hear(self, event: object) -> None:
        if isinstance(event, Progress):
            self.progress.append(event)
