"""What can be done with entries: names, bin, hashes, duplicates, sizes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import send2trash

from app.core.errors import Cancelled, FileGone, WrongChoice
from app.core.jobs import CancelToken, JobControl, Progress
from app.downloads import DownloadStore, WantedFile
from app.library import (
    EntryState,
    LibraryEntry,
    NoBin,
    Place,
    find_duplicates,
    folder_places,
    place_sizes,
    plan_removal,
    remove,
    rename,
    scan,
    verify,
)
from app.library.sources import PROGRAMS
from app.storage import data_folder
from tests.helpers.library import scan_folders
from tests.helpers.other_programs import cached_file, ollama_blob, ollama_model, put
from tests.helpers.raw_gguf import llama_header
from tests.helpers.tiny_gguf import write_tiny_model

BY_ID = {program.id: program for program in PROGRAMS}
WEIGHTS = llama_header().to_bytes()

needs_links = pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


@pytest.fixture
def database() -> Path:
    return data_folder().create().database


@pytest.fixture
def bin(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What went to the system's bin, which a test must not fill."""
    thrown: list[str] = []

    def throw(path: str) -> None:
        thrown.append(Path(path).name)
        Path(path).unlink()

    monkeypatch.setattr(send2trash, "send2trash", throw)
    return thrown


def control(listener: Callable[[object], None] = lambda event: None) -> JobControl:
    return JobControl(CancelToken(), listener)


def only(entries: list[LibraryEntry]) -> LibraryEntry:
    assert len(entries) == 1, entries
    return entries[0]


# Removing


def test_remove_takes_all_parts_to_the_bin_and_nothing_is_missed(
    models: Path, database: Path, bin: list[str]
) -> None:
    write_tiny_model(models / "Big.gguf", tensors_per_part=8)
    put(models / "kept.gguf", WEIGHTS)
    big = scan_folders([models])[0]
    removal = plan_removal(big, folder_places([models]))
    assert removal.file_bytes == big.file_bytes
    remove(removal, database)
    assert bin == [f"Big-0000{part}-of-00003.gguf" for part in (1, 2, 3)]
    assert [entry.name for entry in scan_folders([models])] == ["kept"]


def test_remove_for_good_deletes(models: Path, database: Path, bin: list[str]) -> None:
    path = put(models / "a.gguf", WEIGHTS)
    remove(plan_removal(only(scan_folders([models])), folder_places([models])), database, for_good=True)
    assert not path.exists()
    assert bin == []


def test_remove_without_a_bin_leaves_the_file_and_says_so(
    models: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(models / "a.gguf", WEIGHTS)

    def refuse(path: str) -> None:
        raise send2trash.TrashPermissionError(path)

    monkeypatch.setattr(send2trash, "send2trash", refuse)
    with pytest.raises(NoBin, match="no bin"):
        remove(plan_removal(only(scan_folders([models])), folder_places([models])), database)
    assert path.exists()


def test_remove_of_a_file_of_another_program_is_refused_by_its_name(tmp_path: Path) -> None:
    ollama_model(tmp_path, "registry.ollama.ai/library/llama3.2/3b", WEIGHTS)
    places = [Place(BY_ID["ollama"], tmp_path)]
    with pytest.raises(WrongChoice, match="belongs to Ollama") as caught:
        plan_removal(only(scan(places, data_folder().database)), places)
    assert caught.value.hint == "Delete it in Ollama."


def test_remove_through_a_folder_the_person_added_is_refused_as_well(tmp_path: Path) -> None:
    path = put(tmp_path / "lms" / "a" / "b" / "b.gguf", WEIGHTS)
    entry = only(scan_folders([path.parent]))
    assert entry.program.is_own
    with pytest.raises(WrongChoice, match="LM Studio"):
        plan_removal(entry, [*folder_places([path.parent]), Place(BY_ID["lmstudio"], tmp_path / "lms")])


@needs_links
def test_remove_of_a_link_leaves_what_it_leads_to(
    tmp_path: Path, models: Path, database: Path, bin: list[str]
) -> None:
    target = put(tmp_path / "elsewhere" / "a.gguf", WEIGHTS)
    (models / "link.gguf").symlink_to(target)
    remove(plan_removal(only(scan_folders([models])), folder_places([models])), database)
    assert bin == ["link.gguf"]
    assert target.read_bytes() == WEIGHTS


def test_remove_of_what_is_gone_takes_it_off_the_list(models: Path, database: Path) -> None:
    put(models / "a.gguf", WEIGHTS)
    scan_folders([models])
    (models / "a.gguf").unlink()
    gone = only(scan_folders([models]))
    removal = plan_removal(gone, folder_places([models]))
    assert removal.files == ()
    remove(removal, database)
    assert scan_folders([models]) == []


def test_remove_of_a_folder_is_refused(tmp_path: Path) -> None:
    entry = only(scan_folders([tmp_path / "nowhere"]))
    (tmp_path / "nowhere").mkdir()
    with pytest.raises(WrongChoice, match="is a folder"):
        plan_removal(entry, folder_places([tmp_path / "nowhere"]))


# Naming


@pytest.mark.parametrize("label", ["x" * 121, "a\x1b[31mb", "a\u202eb"])
def test_rename_to_what_cannot_be_shown_is_refused(models: Path, database: Path, label: str) -> None:
    put(models / "a.gguf", WEIGHTS)
    with pytest.raises(WrongChoice):
        rename(only(scan_folders([models])), label, database)


# Verifying


def test_first_check_has_nothing_to_compare_with_and_the_second_has(models: Path, database: Path) -> None:
    path = put(models / "a.gguf", WEIGHTS)
    entry = only(scan_folders([models]))
    (first,) = verify(entry, database, control())
    assert (first.sha256, first.expected, first.is_right) == (hashlib.sha256(WEIGHTS).hexdigest(), None, None)
    (second,) = verify(entry, database, control())
    assert (second.is_right, second.known_from) == (True, "earlier check")
    # A disk that forgets: other bytes under the old time.
    times = path.stat()
    path.write_bytes(WEIGHTS[:-1] + b"\1")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    for _ in range(2):
        (check,) = verify(entry, database, control())
        assert check.is_right is False
        assert check.expected == first.sha256


def test_file_that_was_replaced_is_changed_until_it_is_checked(models: Path, database: Path) -> None:
    path = put(models / "a.gguf", WEIGHTS)
    verify(only(scan_folders([models])), database, control())
    put(path, WEIGHTS + bytes(32))
    entry = only(scan_folders([models]))
    assert entry.state is EntryState.CHANGED
    assert entry.can_chat
    assert [check.is_right for check in verify(entry, database, control())] == [False]
    assert only(scan_folders([models])).state is EntryState.OK


def test_parts_are_all_checked_with_progress_in_bytes(models: Path, database: Path) -> None:
    write_tiny_model(models / "Big.gguf", tensors_per_part=8)
    entry = only(scan_folders([models]))
    told: list[object] = []
    checks = verify(entry, database, control(told.append))
    assert [check.path.name[-14:-5] for check in checks] == [f"{part}-of-00003"[-9:] for part in (1, 2, 3)]
    for check in checks:
        assert check.sha256 == hashlib.sha256(check.path.read_bytes()).hexdigest()
    last = told[-1]
    assert isinstance(last, Progress)
    assert (last.done, last.total, last.unit) == (entry.file_bytes, entry.file_bytes, "bytes")


def test_blob_of_ollama_is_checked_against_its_name(tmp_path: Path, database: Path) -> None:
    ollama_model(tmp_path, "registry.ollama.ai/library/llama3.2/3b", WEIGHTS)
    entry = only(scan([Place(BY_ID["ollama"], tmp_path)], database))
    (check,) = verify(entry, database, control())
    assert (check.is_right, check.known_from) == (True, "Ollama")
    ollama_blob(tmp_path, WEIGHTS).write_bytes(WEIGHTS[:-1] + b"\1")
    (check,) = verify(entry, database, control())
    assert check.is_right is False


@needs_links
def test_cached_file_is_checked_against_the_name_of_its_blob(tmp_path: Path, database: Path) -> None:
    link = cached_file(tmp_path, "a/b", "1", "b.gguf", WEIGHTS)
    entry = only(scan([Place(BY_ID["huggingface"], tmp_path)], database))
    (check,) = verify(entry, database, control())
    assert (check.is_right, check.known_from) == (True, "Hugging Face cache")
    link.resolve().write_bytes(WEIGHTS[:-1] + b"\1")
    (check,) = verify(entry, database, control())
    assert check.is_right is False


def test_downloaded_file_is_checked_against_what_the_server_promised(models: Path, database: Path) -> None:
    put(models / "a.gguf", WEIGHTS)
    promised = hashlib.sha256(b"other").hexdigest()
    with DownloadStore(database) as store:
        download = store.add("a/b", "1", "a", models, [WantedFile("a.gguf", len(WEIGHTS), promised)])
        store.set_received(download, "a.gguf", len(WEIGHTS), is_done=True)
    (check,) = verify(only(scan_folders([models])), database, control())
    assert (check.is_right, check.expected, check.known_from) == (False, promised, "download")


def test_verify_can_be_cancelled_and_names_a_file_that_went(models: Path, database: Path) -> None:
    path = put(models / "a.gguf", WEIGHTS)
    entry = only(scan_folders([models]))
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        verify(entry, database, JobControl(token, lambda event: None))
    path.unlink()
    with pytest.raises(FileGone):
        verify(entry, database, control())


# Duplicates


def test_copies_are_duplicates_and_links_and_other_content_are_not(models: Path, database: Path) -> None:
    big = WEIGHTS + bytes(5_000_000)
    middle = bytearray(big)
    middle[len(big) // 2] = 1  # equal in size and at both ends
    for name, content in {"a": big, "copy": big, "other": bytes(middle), "small": WEIGHTS}.items():
        put(models / f"{name}.gguf", content)
    os.link(models / "a.gguf", models / "hard.gguf")
    entries = scan_folders([models])
    (group,) = find_duplicates(entries, database, control())
    assert [entry.path.name for entry in group.entries] == ["a.gguf", "copy.gguf"]
    assert group.wasted_bytes == len(big)
    assert find_duplicates(entries, database, control()) == [group]


def test_split_models_are_duplicates_only_part_by_part(models: Path, database: Path) -> None:
    for folder in ("one", "two"):
        (models / folder).mkdir()
        write_tiny_model(models / folder / "Big.gguf", tensors_per_part=8)
    put(models / "one-part.gguf", (models / "one" / "Big-00001-of-00003.gguf").read_bytes())
    (group,) = find_duplicates(scan_folders([models]), database, control())
    assert [entry.path.parent.name for entry in group.entries] == ["one", "two"]


def test_most_wasteful_duplicates_come_first_and_unreadable_files_are_left_out(
    models: Path, database: Path
) -> None:
    for name, extra in (("small", 0), ("large", 32_000)):
        for copy in ("1", "2"):
            put(models / f"{name}{copy}.gguf", WEIGHTS + bytes(extra))
    for copy in ("1", "2"):
        put(models / f"page{copy}.gguf", b"<html>")
    entries = scan_folders([models])
    put(models / "late.gguf", WEIGHTS)
    groups = find_duplicates(entries, database, control())
    assert [group.entries[0].name for group in groups] == ["large1", "small1"]
    (models / "large1.gguf").unlink()
    assert [group.entries[0].name for group in find_duplicates(entries, database, control())] == ["small1"]


# Sizes


def test_sizes_by_place_count_every_file_once(models: Path, tmp_path: Path) -> None:
    put(models / "a.gguf", WEIGHTS)
    put(models / "page.gguf", b"<html>")
    ollama_model(tmp_path / "ollama", "registry.ollama.ai/library/llama3.2/3b", WEIGHTS)
    ollama_model(tmp_path / "ollama", "registry.ollama.ai/library/llama3.2/latest", WEIGHTS)
    places = [Place(BY_ID["ollama"], tmp_path / "ollama"), *folder_places([models, tmp_path / "models"])]
    sizes = place_sizes(scan(places, data_folder().database), places)
    assert [(size.place.program.id, size.models, size.file_bytes) for size in sizes] == [
        ("folder", 2, len(WEIGHTS) + len(b"<html>")),
        ("ollama", 1, len(WEIGHTS)),
    ]
