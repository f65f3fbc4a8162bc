"""Which files are Nibble's own guide, and what is said of one that is damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.convert import QUANTIZATIONS
from app.core.errors import DamagedGguf, NotGguf
from app.guide import guide_file
from app.library import entry_fault, is_built_in
from app.storage import DataFolder
from tests.helpers.library import scan_folders

DATA = DataFolder(Path("/nowhere/nibble"))


@pytest.mark.parametrize("kind", QUANTIZATIONS, ids=lambda kind: kind.name)
def test_every_file_that_is_made_of_the_guide_is_built_in(kind) -> None:
    assert is_built_in(guide_file(DATA, kind.name), DATA)


@pytest.mark.parametrize(
    "path",
    [
        DATA.guide / "mine.gguf",
        DATA.guide / "guide.gguf",
        DATA.guide / "guide-lines.gguf",
        DATA.guide / "guide-Q8_0.gguf.part",
        DATA.guide / "guide-Q8_0-00001-of-00002.gguf",
        DATA.guide / "my-guide-Q8_0.gguf",
        DATA.guide / "deeper" / "guide-Q8_0.gguf",
        DATA.models / "guide-Q8_0.gguf",
        DATA.guide,
    ],
    ids=str,
)
def test_other_file_is_the_persons(path: Path) -> None:
    assert not is_built_in(path, DATA)


def test_damaged_file_of_the_guide_is_made_again_and_a_persons_beside_it_is_not(tmp_path: Path) -> None:
    data = DataFolder(tmp_path).create()
    for name in ("guide-Q4_0", "guide-mine"):
        (data.guide / f"{name}.gguf").write_bytes(b"GGUF")
    mine, built_in = (entry_fault(entry, data) for entry in scan_folders([data.guide]))
    assert isinstance(built_in, DamagedGguf)
    assert (built_in.message.split()[0], built_in.hint) == (
        "guide-Q4_0.gguf",
        "It is made again at its next use.",
    )
    assert mine is not None
    assert "Download it again" in mine.hint


def test_entry_without_a_fault_has_none(tmp_path: Path) -> None:
    data = DataFolder(tmp_path).create()
    (data.models / "page.gguf").write_bytes(b"<html>")
    (entry,) = scan_folders([data.models])
    assert isinstance(entry_fault(entry, data), NotGguf)
    assert entry_fault(entry, data) is entry.fault
