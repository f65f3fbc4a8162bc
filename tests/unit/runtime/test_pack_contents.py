"""Files of a runtime pack against its manifest, which anybody may have written."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from app.runtime.packs import RuntimePacks
from app.runtime.packs.contents import PackFile, damage
from app.storage import DataFolder
from tests.helpers.packs import write_manifest

OWN = PackFile("own.so", 3, hashlib.sha256(b"own").hexdigest())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "pack"
    made.mkdir()
    (made / "own.so").write_bytes(b"own")
    return made


def test_files_that_are_as_they_were_built(folder: Path) -> None:
    assert damage(folder, [OWN]) == ""
    assert "not the one that was built" in damage(folder, [PackFile("own.so", 3, "0" * 64)])
    (folder / "more.so").write_bytes(b"")
    assert "more.so does not belong" in damage(folder, [OWN])


@pytest.mark.parametrize(
    "path", ["../own.so", "/etc/passwd", "a\0b", "n" * 300, "..\\own.so", "around/own.so", "."]
)
def test_names_that_lead_elsewhere_or_nowhere_are_told(folder: Path, path: str) -> None:
    (folder / "around").symlink_to(folder / "around")
    assert damage(folder, [PackFile(path, 3, OWN.sha256), OWN])


def test_pack_that_cannot_be_read_is_set_aside_and_the_plain_one_used(tmp_path: Path) -> None:
    places = tmp_path / "packs"
    bad = write_manifest(places / "bad", "Bad")
    (bad / "libllama.so").symlink_to(bad / "libllama.so")
    packs = RuntimePacks([places], DataFolder(tmp_path))
    assert [(state.fault or "")[:17] for state in packs.states()] == ["It cannot be read", ""]
    assert packs.chosen().folder is None
