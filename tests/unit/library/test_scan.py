"""What the library lists, and what it says about files that are no models to chat with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.core.errors import Cancelled, DamagedGguf, FileGone, NotAllowed, NotGguf
from app.core.jobs import CancelToken
from app.library import EntryState, LibraryEntry
from tests.helpers.library import scan_folders
from tests.helpers.raw_gguf import STRING, RawGguf, llama_header
from tests.helpers.tiny_gguf import write_tiny_model

needs_links = pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")


def put(path: Path, raw: RawGguf | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((raw or llama_header()).to_bytes())
    return path


def names(entries: list[LibraryEntry]) -> list[str]:
    return [entry.name for entry in entries]


def only(entries: list[LibraryEntry]) -> LibraryEntry:
    assert len(entries) == 1, entries
    return entries[0]


def test_scan_of_nested_folders_lists_models_by_name(tmp_path: Path) -> None:
    put(tmp_path / "beta.gguf")
    put(tmp_path / "owner" / "repo" / "Alpha.GGUF")
    put(tmp_path / "owner" / "gamma.gguf")
    told: list[LibraryEntry] = []

    entries = scan_folders([tmp_path], on_entry=told.append)

    assert names(entries) == ["Alpha", "beta", "gamma"]
    assert entries[0].path == tmp_path / "owner" / "repo" / "Alpha.GGUF"
    assert all(entry.facts is not None and entry.can_chat for entry in entries)
    assert sorted(names(told)) == sorted(names(entries))


def test_scan_leaves_out_hidden_unfinished_and_other_files(tmp_path: Path) -> None:
    for name in (
        ".hidden.gguf",
        ".folder/inside.gguf",
        "model.gguf.part",
        "model.gguf.incomplete",
        "readme.md",
    ):
        put(tmp_path / name)
    put(tmp_path / "kept.gguf")
    assert names(scan_folders([tmp_path])) == ["kept"]


def test_scan_of_hidden_folder_that_was_chosen_lists_it(tmp_path: Path) -> None:
    put(tmp_path / ".cache" / "model.gguf")
    assert names(scan_folders([tmp_path / ".cache"])) == ["model"]


def test_scan_of_split_model_gives_one_entry_for_the_first_part(tmp_path: Path) -> None:
    first = write_tiny_model(tmp_path / "Big.gguf", tensors_per_part=8)
    entry = only(scan_folders([tmp_path]))
    assert (entry.name, entry.path) == ("Big", first)
    assert entry.facts is not None
    assert entry.facts.files == 3
    assert entry.file_bytes == sum(file.stat().st_size for file in tmp_path.glob("*.gguf"))


@pytest.mark.parametrize("missing", [1, 2])
def test_scan_of_split_model_with_missing_part_gives_one_entry_that_names_it(
    tmp_path: Path, missing: int
) -> None:
    write_tiny_model(tmp_path / "Big.gguf", tensors_per_part=8)
    part = tmp_path / f"Big-0000{missing}-of-00003.gguf"
    part.unlink()
    entry = only(scan_folders([tmp_path]))
    assert entry.name == "Big"
    assert isinstance(entry.fault, FileGone)
    assert part.name in entry.fault.message
    assert not entry.can_chat


def test_scan_of_damaged_files_lists_each_with_its_fault(tmp_path: Path) -> None:
    put(tmp_path / "good.gguf")
    (tmp_path / "page.gguf").write_bytes(b"<html>")
    (tmp_path / "cut.gguf").write_bytes(llama_header().to_bytes()[:-1])
    cut, good, page = scan_folders([tmp_path])
    assert isinstance(cut.fault, DamagedGguf)
    assert isinstance(page.fault, NotGguf)
    assert page.why_no_chat is not None
    assert "web page" in page.why_no_chat
    assert page.fault.__traceback__ is None
    assert good.fault is None
    assert good.why_no_chat is None


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (RawGguf().key("general.architecture", STRING, "clip").tensor("v", (4,), data_bytes=16), "images"),
        (llama_header().key("general.type", STRING, "mmproj"), "images"),
        (llama_header().key("general.type", STRING, "adapter"), "adapter"),
        (llama_header().key("general.type", STRING, "imatrix"), "importance matrix"),
        (RawGguf().key("general.architecture", STRING, "llama"), "only a vocabulary"),
        (RawGguf().tensor("a", (4,), data_bytes=16), "architecture"),
        (llama_header(order=">"), "byte order"),
    ],
)
def test_entry_of_file_that_is_no_whole_model_cannot_chat_and_says_why(
    tmp_path: Path, raw: RawGguf, words: str
) -> None:
    put(tmp_path / "odd.gguf", raw)
    entry = only(scan_folders([tmp_path]))
    assert entry.fault is None
    assert not entry.can_chat
    assert entry.why_no_chat is not None
    assert words in entry.why_no_chat


def test_title_of_entry_is_header_name_with_quantization_once(tmp_path: Path) -> None:
    write_tiny_model(tmp_path / "a.gguf", name="Bard", type="f16")
    write_tiny_model(tmp_path / "b.gguf", name="Bard f16", type="f16")
    put(tmp_path / "c.gguf", RawGguf().key("general.architecture", STRING, "llama"))
    assert [entry.title for entry in scan_folders([tmp_path])] == ["Bard F16", "Bard f16", "c"]


def test_scan_of_missing_folder_gives_an_entry_with_the_fault(tmp_path: Path) -> None:
    put(tmp_path / "here" / "model.gguf")
    gone, model = scan_folders([tmp_path / "gone", tmp_path / "here"])
    assert (gone.name, gone.path) == ("gone", tmp_path / "gone")
    assert isinstance(gone.fault, FileGone)
    assert gone.state is EntryState.AWAY
    assert "remove it from the library" in gone.fault.hint
    assert model.facts is not None


def test_scan_of_no_folders_is_empty() -> None:
    assert scan_folders([]) == []


def test_scan_of_a_file_lists_it(tmp_path: Path) -> None:
    assert names(scan_folders([put(tmp_path / "dropped.gguf")])) == ["dropped"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_scan_of_folder_without_permission_gives_an_entry_and_goes_on(tmp_path: Path) -> None:
    put(tmp_path / "closed" / "model.gguf")
    put(tmp_path / "open" / "model.gguf")
    (tmp_path / "closed").chmod(0)
    try:
        closed, model = scan_folders([tmp_path])
    finally:
        (tmp_path / "closed").chmod(0o700)
    assert isinstance(closed.fault, NotAllowed)
    assert model.facts is not None


def test_scan_when_listing_is_denied_gives_an_entry_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "closed" / "model.gguf")
    put(tmp_path / "open" / "model.gguf")
    listing = os.scandir

    def deny(folder: Path) -> object:
        if Path(folder).name == "closed":
            raise PermissionError(13, "Permission denied")
        return listing(folder)

    monkeypatch.setattr(os, "scandir", deny)
    closed, model = scan_folders([tmp_path])
    monkeypatch.undo()
    assert closed.path == tmp_path / "closed"
    assert isinstance(closed.fault, NotAllowed)
    assert str(tmp_path / "closed") in closed.fault.message
    assert model.facts is not None


def test_scan_of_file_deleted_while_listed_gives_an_entry_with_the_fault(tmp_path: Path) -> None:
    put(tmp_path / "a.gguf")
    later = put(tmp_path / "b.gguf")
    first, second = scan_folders([tmp_path], on_entry=lambda entry: later.unlink(missing_ok=True))
    assert first.facts is not None
    assert isinstance(second.fault, FileGone)


@needs_links
def test_scan_of_links_in_a_circle_ends(tmp_path: Path) -> None:
    put(tmp_path / "folder" / "model.gguf")
    (tmp_path / "folder" / "up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "folder" / "self").symlink_to("self")
    assert names(scan_folders([tmp_path])) == ["model"]


@needs_links
def test_scan_of_link_to_a_blob_lists_it_under_the_name_of_the_link(tmp_path: Path) -> None:
    # As the cache of huggingface_hub is laid out.
    blob = put(tmp_path / "blobs" / "0123abcd")
    for snapshot in ("one", "two"):
        folder = tmp_path / "snapshots" / snapshot
        folder.mkdir(parents=True)
        (folder / "model.gguf").symlink_to(blob)
    entry = only(scan_folders([tmp_path]))
    assert entry.name == "model"
    assert entry.facts is not None


@needs_links
def test_scan_of_link_to_nothing_gives_an_entry_with_the_fault(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").symlink_to(tmp_path / "nowhere")
    assert isinstance(only(scan_folders([tmp_path])).fault, FileGone)


def test_scan_of_folders_inside_one_another_lists_each_model_once(tmp_path: Path) -> None:
    path = put(tmp_path / "inner" / "model.gguf")
    assert names(scan_folders([tmp_path / "inner", tmp_path, path])) == ["model"]


def test_scan_when_cancelled_raises_cancelled(tmp_path: Path) -> None:
    put(tmp_path / "a.gguf")
    put(tmp_path / "b.gguf")
    token = CancelToken()
    told: list[LibraryEntry] = []

    def stop(entry: LibraryEntry) -> None:
        told.append(entry)
        token.cancel()

    with pytest.raises(Cancelled):
        scan_folders([tmp_path], token, stop)
    assert names(told) == ["a"]


def test_scan_of_more_folders_than_anybody_has_ends_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.library.sources.walk.MOST_FOLDERS", 3)
    for number in range(5):
        put(tmp_path / str(number) / f"model{number}.gguf")
    entries = scan_folders([tmp_path])
    assert [entry.name for entry in entries if entry.facts] == ["model0", "model1"]
    (told,) = [entry for entry in entries if entry.fault]
    assert told.state is EntryState.DENIED
    assert "only the first are listed" in str(told.fault)


@needs_links
def test_scan_of_link_out_of_the_folder_is_followed_but_not_to_where_the_folder_lies(tmp_path: Path) -> None:
    put(tmp_path / "disk" / "other.gguf")
    put(tmp_path / "models" / "mine.gguf")
    put(tmp_path / "private.gguf")
    (tmp_path / "models" / "more").symlink_to(tmp_path / "disk", target_is_directory=True)
    (tmp_path / "models" / "up").symlink_to(tmp_path, target_is_directory=True)
    assert names(scan_folders([tmp_path / "models"])) == ["mine", "other"]
