"""Who looks again and again gets the same entries, and notices every change that a fresh look does."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from app.core.jobs import CancelToken, JobControl
from app.library import EarlierEntries, LibraryEntry, folder_places, rename, scan, verify
from app.storage import data_folder, open_database, transaction
from tests.helpers.raw_gguf import STRING, RawGguf, llama_header
from tests.helpers.tiny_gguf import write_tiny_model


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    write_tiny_model(folder / "a.gguf")
    write_tiny_model(folder / "Big.gguf", tensors_per_part=8)
    (folder / "page.gguf").write_bytes(b"<html>")
    return folder


def look(models: Path, earlier: EarlierEntries | None = None) -> list[LibraryEntry]:
    return scan(folder_places([models]), data_folder().database, earlier=earlier)


def told(entries: list[LibraryEntry]) -> list[object]:
    """All of them, with faults by what they say."""
    return [
        {**vars(entry), "fault": entry.fault and (str(entry.fault), entry.fault.hint)} for entry in entries
    ]


def change(models: Path) -> None:
    (models / "a.gguf").write_bytes(llama_header().key("general.license", STRING, "mit").to_bytes())


def verify_and_change(models: Path) -> None:
    verify(look(models)[0], data_folder().database, JobControl(CancelToken(), lambda event: None))
    change(models)


def load(models: Path) -> None:
    with closing(open_database(data_folder().database)) as connection, transaction(connection):
        connection.execute(
            "INSERT INTO loads (loaded_at, model, context_length, predicted_bytes, predicted_kv_bytes,"
            " predicted_compute_bytes, real_bytes, real_kv_bytes, real_compute_bytes, real_worker_bytes, path)"
            " VALUES (1e9, 'a.gguf', 512, 1, 1, 1, 1, 1, 1, 1, ?)",
            (os.fsencode(models / "a.gguf"),),
        )


def add_projector(models: Path) -> None:
    projector = (
        RawGguf()
        .key("general.architecture", STRING, "clip")
        .tensor("v.patch_embd.weight", (8,), data_bytes=32)
    )
    (models / "mmproj-a.gguf").write_bytes(projector.to_bytes())


CHANGES: dict[str, Callable[[Path], object]] = {
    "nothing": lambda models: None,
    "content": change,
    "content after a check": verify_and_change,
    "name": lambda models: rename(look(models)[0], "My poet", data_folder().database),
    "use": load,
    "a part gone": lambda models: (models / "Big-00002-of-00003.gguf").unlink(),
    "gone": lambda models: (models / "a.gguf").unlink(),
    "moved": lambda models: (models / "a.gguf").rename(models / "b.gguf"),
    "damaged": lambda models: (models / "a.gguf").write_bytes(b"<html>"),
    "whole": lambda models: write_tiny_model(models / "page.gguf"),
    "projector beside it": add_projector,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_look_with_earlier_entries_says_what_a_fresh_look_says(
    models: Path, change: Callable[[Path], object]
) -> None:
    earlier = EarlierEntries()
    look(models, earlier)
    change(models)
    assert told(look(models, earlier)) == told(look(models))


def test_entries_of_what_has_not_changed_are_the_same_objects(models: Path) -> None:
    earlier = EarlierEntries()
    before = {entry.name: entry for entry in look(models, earlier)}
    rename(before["a"], "My poet", data_folder().database)
    for entry in look(models, earlier):
        assert (entry is before[entry.name]) == (entry.name != "a")
