"""What the library remembers between looks: headers, names, and what was there."""

from __future__ import annotations

import os
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from app.core.errors import Cancelled, DataFolderFault, FileGone, NotGguf
from app.core.jobs import CancelToken
from app.gguf import ModelFacts, read_facts
from app.gguf.summary import summarize
from app.library import EntryState, LibraryEntry, rename
from app.library.records import GONE_FOR_S, forget
from app.storage import data_folder, open_database, transaction
from tests.helpers.library import find_in, scan_folders
from tests.helpers.raw_gguf import STRING, RawGguf, llama_header
from tests.helpers.tiny_gguf import write_tiny_model


def put(path: Path, content: bytes | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(llama_header().to_bytes() if content is None else content)
    return path


def only(entries: list[LibraryEntry]) -> LibraryEntry:
    assert len(entries) == 1, entries
    return entries[0]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files whose headers were really read."""
    paths: list[Path] = []

    def counted(path: Path) -> ModelFacts:
        paths.append(path)
        return read_facts(path)

    monkeypatch.setattr(sys.modules["app.library.scan"], "read_facts", counted)
    return paths


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


def test_second_look_reads_no_header_and_says_the_same(models: Path, read: list[Path]) -> None:
    put(models / "a.gguf")
    put(models / "page.gguf", b"<html>")
    write_tiny_model(models / "Big.gguf", tensors_per_part=8)
    first = scan_folders([models])
    assert len(read) == 3
    second = scan_folders([models])
    assert len(read) == 3
    assert [(entry.path, entry.facts, entry.state) for entry in first] == [
        (entry.path, entry.facts, entry.state) for entry in second
    ]
    page = second[-1]
    assert isinstance(page.fault, NotGguf)
    assert str(page.fault) == str(first[-1].fault)


def test_remembered_summary_is_that_of_the_header(models: Path) -> None:
    path = write_tiny_model(models / "a.gguf", name="Bard", type="f16")
    scan_folders([models])
    assert only(scan_folders([models])).facts == summarize(read_facts(path))


def test_changed_file_is_read_again(models: Path, read: list[Path]) -> None:
    path = put(models / "a.gguf")
    scan_folders([models])
    put(path, llama_header().key("x", STRING, "y").to_bytes())
    assert only(scan_folders([models])).facts is not None
    assert len(read) == 2


def test_file_of_equal_size_with_another_time_is_read_again(models: Path, read: list[Path]) -> None:
    path = put(models / "a.gguf")
    scan_folders([models])
    os.utime(path, ns=(1, path.stat().st_mtime_ns + 1))
    scan_folders([models])
    assert len(read) == 2


def test_changed_part_makes_a_split_model_be_read_again(models: Path) -> None:
    write_tiny_model(models / "Big.gguf", tensors_per_part=8)
    assert only(scan_folders([models])).state is EntryState.OK
    (models / "Big-00002-of-00003.gguf").unlink()
    entry = only(scan_folders([models]))
    assert entry.state is EntryState.INCOMPLETE
    assert isinstance(entry.fault, FileGone)
    assert "00002" in entry.fault.message


def test_what_was_read_before_cancelling_is_not_read_again(models: Path, read: list[Path]) -> None:
    put(models / "a.gguf")
    put(models / "b.gguf")
    token = CancelToken()
    with pytest.raises(Cancelled):
        scan_folders([models], token, lambda entry: token.cancel())
    scan_folders([models])
    assert [path.name for path in read] == ["a.gguf", "b.gguf"]


def test_file_that_went_is_told_for_a_week(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(models / "a.gguf")
    scan_folders([models])
    path.unlink()
    for _ in range(2):
        entry = only(scan_folders([models]))
        assert (entry.name, entry.path, entry.state) == ("a", path, EntryState.GONE)
        assert isinstance(entry.fault, FileGone)
        assert not entry.can_chat
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + GONE_FOR_S + 1)
    assert scan_folders([models]) == []


def test_file_that_is_back_is_there(models: Path) -> None:
    path = put(models / "a.gguf")
    scan_folders([models])
    path.rename(models / "a.bak")
    assert only(scan_folders([models])).state is EntryState.GONE
    (models / "a.bak").rename(path)
    assert only(scan_folders([models])).state is EntryState.OK
    assert only(scan_folders([models])).state is EntryState.OK


def test_file_that_went_is_forgotten_when_asked(models: Path) -> None:
    path = put(models / "a.gguf")
    scan_folders([models])
    path.unlink()
    scan_folders([models])
    forget(data_folder().database, [path])
    assert scan_folders([models]) == []


def test_nothing_is_gone_of_a_folder_that_is_not_there_or_not_looked_at(models: Path, tmp_path: Path) -> None:
    put(models / "a.gguf")
    scan_folders([models])
    models.rename(tmp_path / "unplugged")
    assert only(scan_folders([models])).path == models  # the folder itself
    assert scan_folders([]) == []


def test_moved_file_is_not_gone_and_keeps_its_name(models: Path) -> None:
    path = put(models / "a.gguf")
    rename(only(scan_folders([models])), "My poet", data_folder().database)
    (models / "deep").mkdir()
    path.rename(models / "deep" / "b.gguf")
    entry = only(scan_folders([models]))
    assert (entry.name, entry.label, entry.state) == ("b", "My poet", EntryState.OK)


def test_label_is_the_title_and_a_name_to_find_it_by(models: Path) -> None:
    path = put(models / "a.gguf")
    rename(only(scan_folders([models])), "  My\n poet ", data_folder().database)
    assert only(scan_folders([models])).title == "My poet"
    assert find_in("my poet", [models]).path == path
    assert path.exists()
    rename(only(scan_folders([models])), "", data_folder().database)
    assert only(scan_folders([models])).title == "Raw F16"


def test_label_given_by_another_process_while_we_look_stays(models: Path) -> None:
    put(models / "a.gguf")

    def name_it(entry: LibraryEntry) -> None:
        rename(entry, "Theirs", data_folder().database)

    data_folder().create()
    scan_folders([models], on_entry=name_it)
    assert only(scan_folders([models])).label == "Theirs"


def test_two_looks_at_once_agree(models: Path) -> None:
    put(models / "a.gguf")
    inner: list[LibraryEntry] = []
    outer = scan_folders([models], on_entry=lambda entry: inner.extend(scan_folders([models])))
    assert outer == inner == scan_folders([models])


@pytest.mark.parametrize("database", ["held", "damaged", "folder"])
def test_library_works_without_its_database(models: Path, database: str) -> None:
    put(models / "a.gguf")
    file = data_folder().create().database
    if database == "damaged":
        file.write_bytes(b"no database" * 1000)
    elif database == "folder":
        file.mkdir()
    else:
        with closing(open_database(file)) as connection, transaction(connection):
            assert only(scan_folders([models])).facts is not None
        return
    assert only(scan_folders([models])).facts is not None
    with pytest.raises(DataFolderFault):
        rename(only(scan_folders([models])), "x", file)


def test_row_that_nobody_can_read_is_read_from_the_file(models: Path) -> None:
    put(models / "a.gguf")
    scan_folders([models])
    with closing(open_database(data_folder().database)) as connection:
        connection.execute("UPDATE library_models SET content = x'ff00'")
    assert only(scan_folders([models])).facts is not None


@pytest.mark.skipif(os.name == "nt", reason="file names are text on Windows")
def test_file_name_that_is_no_text_is_remembered(models: Path, read: list[Path]) -> None:
    put(Path(os.fsdecode(os.fsencode(models) + b"/caf\xe9.gguf")))
    for _ in range(2):
        assert only(scan_folders([models])).facts is not None
    assert len(read) == 1


def test_name_of_megabytes_in_a_header_is_cut(models: Path) -> None:
    raw = RawGguf().key("general.architecture", STRING, "llama").key("general.name", STRING, "x" * 5_000_000)
    put(models / "a.gguf", raw.tensor("a", (4,), data_bytes=16).to_bytes())
    entry = only(scan_folders([models]))
    assert len(entry.title) < 400
    assert data_folder().database.stat().st_size < 1_000_000
