"""Nothing in a checkpoint's folder leads out of it, but for the links of the Hub's own cache."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.convert.checkpoint.folder import CheckpointFolder, is_checkpoint
from app.core.errors import FileGone, UnreadableFile, UnsupportedCheckpoint

needs_links = pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "Bard-7B"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (tmp_path / "secret.safetensors").write_bytes(b"x")
    return folder


def test_find_gives_a_file_of_the_folder_and_none_for_what_is_not_there(folder: Path) -> None:
    checkpoint = CheckpointFolder(folder)
    assert checkpoint.find("config.json") == folder / "config.json"
    assert checkpoint.find("tokenizer.model") is None
    assert checkpoint.files() == ["config.json"]
    with pytest.raises(FileGone, match=r"has no tokenizer\.model") as caught:
        checkpoint.require("tokenizer.model", "Download it.")
    assert caught.value.hint == "Download it."


def test_find_takes_a_folder_for_no_file(folder: Path) -> None:
    (folder / "model.safetensors").mkdir()
    assert CheckpointFolder(folder).find("model.safetensors") is None


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../secret.safetensors",
        "..\\secret.safetensors",
        "./config.json",
        "/etc/passwd",
        "C:\\secret.safetensors",
        "C:secret.safetensors",
        "sub/model.safetensors",
        "a\0b",
    ],
)
def test_path_instead_of_a_name_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(UnsupportedCheckpoint, match="not in it") as caught:
        CheckpointFolder(folder).find(name)
    assert caught.value.hint


@needs_links
def test_link_that_leads_out_of_the_folder_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").symlink_to("../secret.safetensors")
    with pytest.raises(UnsupportedCheckpoint, match="not in it"):
        CheckpointFolder(folder).find("model.safetensors")


@needs_links
def test_link_within_the_folder_and_folder_behind_a_link_are_followed(folder: Path) -> None:
    (folder / "model.safetensors").symlink_to("config.json")
    (folder.parent / "link").symlink_to(folder)
    checkpoint = CheckpointFolder(folder.parent / "link")
    assert checkpoint.find("model.safetensors") == folder.parent / "link" / "model.safetensors"
    assert checkpoint.name == "link"


@needs_links
def test_cache_of_the_hub_is_read_through_its_links_and_named_after_the_repository(tmp_path: Path) -> None:
    repository = tmp_path / "models--somebody--Bard-7B"
    snapshot = repository / "snapshots" / "0123abc"
    snapshot.mkdir(parents=True)
    (repository / "blobs").mkdir()
    (repository / "blobs" / "cafe").write_bytes(b"{}")
    (repository / "secret").write_bytes(b"{}")
    (snapshot / "config.json").symlink_to("../../blobs/cafe")
    (snapshot / "other.json").symlink_to("../../secret")
    checkpoint = CheckpointFolder(snapshot)
    assert checkpoint.find("config.json") == snapshot / "config.json"
    assert checkpoint.name == "Bard-7B"
    with pytest.raises(UnsupportedCheckpoint):
        checkpoint.find("other.json")


def test_name_of_the_folder_one_is_in_is_known(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert CheckpointFolder(Path(".")).name == "Bard-7B"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("config.json", True), ("x.safetensors", True), ("pytorch_model.bin", True), ("bard.gguf", False)],
)
def test_is_checkpoint_knows_a_folder_by_its_files(tmp_path: Path, name: str, expected: bool) -> None:
    (tmp_path / name).write_bytes(b"")
    assert is_checkpoint(tmp_path) is expected


def test_is_checkpoint_of_what_is_no_folder_is_false(folder: Path) -> None:
    assert not is_checkpoint(folder / "config.json")
    assert not is_checkpoint(folder / "none")


def test_folder_that_is_none_raises_typed_faults(folder: Path) -> None:
    with pytest.raises(FileGone):
        CheckpointFolder(folder / "none").files()
    with pytest.raises(UnreadableFile, match="not a folder"):
        CheckpointFolder(folder / "config.json").files()
