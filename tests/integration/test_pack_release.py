"""From a pack that `kernels.native` has put into an archive, by the index of a release, to a worker that runs on it."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.runtime.packs import RuntimePacks
from app.runtime.packs.computer import this_machine, this_system
from app.runtime.packs.offered import offered_packs
from app.storage import DataFolder
from installers.pack_index import index
from kernels.native.archive import archive_name, write_archive
from kernels.native.manifest import read_manifest
from tests.helpers.hub_server import HubServer, Repository
from tests.helpers.pack_shop import REPOSITORY, PackShop
from tests.helpers.packs import VERSION, real_files


@pytest.fixture
def server() -> Iterator[HubServer]:
    with HubServer() as server:
        yield server


def built(folder: Path) -> Path:
    """As the recipes leave a pack: libraries, licences and a manifest that lists them."""
    files = {**real_files(), "licences/llama.cpp.txt": b"MIT"}
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    manifest = {
        "name": "CPU",
        "backend": "cpu",
        "version": VERSION,
        "system": this_system(),
        "machine": this_machine(),
        "source": {"archive": "llama_cpp_python.tar.gz", "sha256": "0" * 64},
        "built_with": {"cmake": "4.0"},
        "devices": ["cpu:haswell"],
        "licences": ["licences/llama.cpp.txt"],
        "files": [
            {"path": path, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for path, content in files.items()
        ],
    }
    (folder / "pack.json").write_text(json.dumps(manifest))
    return folder


def test_pack_that_was_built_archived_and_indexed_is_got_and_used(
    server: HubServer, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LLAMA_CPP_LIB_PATH", raising=False)
    pack = built(tmp_path / "cpu")
    archive = tmp_path / archive_name(pack, read_manifest(pack))
    write_archive(pack, archive)
    server.add(Repository(REPOSITORY, {archive.name: archive.read_bytes()}))
    address = f"{server.url}/{REPOSITORY}/resolve/main"
    (offered,) = offered_packs(tomllib.loads(index([archive], address))["pack"])
    shop = PackShop(server, DataFolder(home).create(), [offered])
    assert shop.get(offered).fault == ""
    with RuntimePacks((shop.folder,), shop.data).start() as worker:
        assert worker.runtime_folder == shop.folder / offered.folder_name
    assert shop.content(offered)["licences/llama.cpp.txt"] == b"MIT"
