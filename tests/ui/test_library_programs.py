"""The models of several programs in the Library: listed, filtered and sorted, and the space that they take."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import send2trash
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QToolButton

from app.storage import DataFolder, open_database, transaction
from app.ui.pages import library_deletion
from app.ui.pages.library import LibraryPage
from app.ui.pages.library_rows import Column, Row, row_at
from app.ui.pages.library_side import ROOM_FOR_BOTH_PX, Shown
from tests.helpers.other_programs import cached_file, cached_main, ollama_model, put
from tests.helpers.tiny_gguf import write_tiny_model
from tests.ui.conftest import settle

pytestmark = [
    pytest.mark.usefixtures("installed_guide"),
    pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows"),
]


@pytest.fixture
def library(open_nibble, folder: DataFolder, tmp_path: Path) -> LibraryPage:
    """Nibble's own F32, an F16 in Ollama, a BF16 with a longer context in the cache of Hugging Face, and the same once
    more in LM Studio."""
    person = tmp_path / "person"
    write_tiny_model(folder.models / "mine.gguf", type="f32", name="Mine", layers=1)
    half = write_tiny_model(tmp_path / "half.gguf", type="f16", name="Half").read_bytes()
    long = write_tiny_model(
        tmp_path / "long.gguf", type="bf16", name="Long", layers=3, context=4096
    ).read_bytes()
    ollama_model(person / "ollama", "registry.ollama.ai/library/half/3b", half, license="MIT License")
    cached_file(person / ".cache/huggingface/hub", "owner/Long-GGUF", "0123abcd", "Long-BF16.gguf", long)
    cached_main(person / ".cache/huggingface/hub", "owner/Long-GGUF", "0123abcd")
    put(person / ".lmstudio/models/owner/Long-GGUF/Long-BF16.gguf", long)
    page = open_nibble().show_page("library")
    assert isinstance(page, LibraryPage)
    return page


def shown(library: LibraryPage, column: Column = Column.MODEL) -> list[str]:
    """What a column says of the person's models, from top to bottom."""
    model = library.list.model()
    indexes = [model.index(number, column) for number in range(model.rowCount())]
    return [index.data() for index in indexes if row_at(index).entry is not None]


def rows_from_top(library: LibraryPage) -> list[Row]:
    model = library.list.model()
    rows = [row_at(model.index(number, 0)) for number in range(model.rowCount())]
    return [row for row in rows if row.entry is not None]


# The list


def test_each_model_says_which_program_keeps_it_and_what_it_may_be_used_for(library):
    assert sorted(zip(shown(library), shown(library, Column.SOURCE), strict=True)) == [
        ("Half", "Ollama"),
        ("Long", "Hugging Face cache"),
        ("Long", "LM Studio"),
        ("Mine", "Nibble"),
    ]
    assert dict(zip(shown(library), shown(library, Column.LICENCE), strict=True))["Half"] == "MIT License"


def test_the_list_is_filtered_by_source_and_by_words_together(library):
    library.filter_bar.source.setCurrentText("LM Studio")
    assert shown(library) == ["Long"]
    library.search.setText("owner/long-gguf")  # where it is from
    assert shown(library) == ["Long"]
    library.search.setText("half")
    assert library.body.currentWidget() is library.body._no_match
    library.body.clear_asked.emit()
    assert len(shown(library)) == 4


def test_the_list_is_filtered_by_verdict(qtbot, library):
    bar = library.filter_bar
    verdicts = [bar.verdict.itemText(number) for number in range(bar.verdict.count())]
    assert verdicts == ["All verdicts", "Processor only"]
    bar.verdict.setCurrentText("Processor only")
    assert len(shown(library)) == 4


def test_a_filter_that_nothing_matches_any_more_stays_and_can_be_taken_back(qtbot, library, tmp_path):
    library.filter_bar.source.setCurrentText("LM Studio")
    (tmp_path / "person/.lmstudio/models/owner/Long-GGUF/Long-BF16.gguf").unlink()
    library.acts.forget(next(row for row in library.rows if row.source == "LM Studio"))
    settle(qtbot)
    assert library.filter_bar.source.currentText() == "LM Studio"
    assert shown(library) == []
    library.filter_bar.source.setCurrentIndex(0)
    assert len(shown(library)) == 3


def test_columns_sort_by_what_they_show_either_way(library):
    files = {row.path: row.path.stat().st_size for row in library.rows}
    contexts = {"Mine": 512, "Half": 512, "Long": 4096}
    for column, order in (
        (Column.SIZE, lambda row: files[row.path]),
        (Column.CONTEXT, lambda row: contexts[row.title]),
        (Column.SOURCE, lambda row: row.source),
        (Column.MODEL, lambda row: row.title),
    ):
        for falling in (False, True):
            library.list.sortByColumn(
                column, Qt.SortOrder.DescendingOrder if falling else Qt.SortOrder.AscendingOrder
            )
            keys = [order(row) for row in rows_from_top(library)]
            assert keys == sorted(keys, reverse=falling), column


def test_sorting_by_keyboard_shows_what_was_used_last_at_the_top(qtbot, library, folder):
    path = next(row.path for row in library.rows if row.title == "Mine")
    connection = open_database(folder.database)
    with transaction(connection):
        connection.execute(
            "INSERT INTO loads (loaded_at, model, context_length, predicted_bytes, predicted_kv_bytes,"
            " predicted_compute_bytes, real_bytes, real_kv_bytes, real_compute_bytes, real_worker_bytes, path)"
            " VALUES (1e9, 'mine', 1, 1, 1, 1, 1, 1, 1, 1, ?)",
            (os.fsencode(path),),
        )
    connection.close()
    library.rescan()
    settle(qtbot)
    order = library.filter_bar.order
    order.setCurrentIndex(order.findData(Column.LAST_USED))
    assert shown(library)[0] == "Mine"
    assert shown(library, Column.LAST_USED)[1:] == ["–", "–", "–"]
    assert "2001" in shown(library, Column.LAST_USED)[0] or "01" in shown(library, Column.LAST_USED)[0]


def test_in_a_narrow_window_details_take_the_place_of_the_list_and_give_it_back(qtbot, library):
    window = library.window()
    window.resize(900, 600)
    library.show_details(library.rows[0])
    settle(qtbot)
    assert library.beside.shown is Shown.SIDE
    assert not library.list.isVisible()
    assert library.details.isVisible()
    library.close_side()
    assert library.list.isVisible()
    window.resize(ROOM_FOR_BOTH_PX + 300, 800)
    library.show_details(library.rows[0])
    qtbot.waitUntil(lambda: library.beside.shown is Shown.BOTH)
    assert library.list.isVisible()
    assert library.details.isVisible()


def test_details_follow_the_row_that_is_chosen(qtbot, library):
    library.show_details(library.rows[0])
    settle(qtbot)
    for number in range(2):
        index = library.list.model().index(number, 0)
        library.list.setCurrentIndex(index)
        settle(qtbot)
        assert library.details.row.path == row_at(index).path


# Space


def words(widget) -> str:
    return "\n".join(each.text() for each in widget.findChildren(QLabel) if not each.isHidden())


def test_the_space_of_each_program_is_added_up(qtbot, library):
    library.show_space()
    settle(qtbot)
    for row in library.rows:
        assert f"{row.file_bytes / 1e6:.2f} MB" in words(library.space)
    total = sum(row.file_bytes for row in library.rows)
    assert f"4 files, {total / 1e6:.1f} MB" in words(library.space)


def test_duplicates_are_found_by_content_and_own_copies_can_be_deleted(
    qtbot, library, folder, monkeypatch, tmp_path
):
    copy = folder.models / "under another name.gguf"
    copy.write_bytes((tmp_path / "long.gguf").read_bytes())
    library.rescan()
    settle(qtbot)
    library.show_space()
    search = library.space.duplicates
    search.begin.click()
    settle(qtbot)
    (group,) = search.groups
    assert {row.source for row in group} == {"Nibble", "LM Studio", "Hugging Face cache"}
    free = 2 * copy.stat().st_size
    assert f"frees up to {free / 1e6:.2f} MB" in words(search)
    buttons = [
        each for each in search.findChildren(QToolButton) if each.accessibleName().startswith("Delete")
    ]
    assert [each.isEnabled() for each in buttons].count(True) == 1
    monkeypatch.setattr(library_deletion, "ask_to_delete", lambda *arguments: True)
    monkeypatch.setattr(send2trash, "send2trash", lambda path: Path(path).unlink())
    next(each for each in buttons if each.isEnabled()).click()
    settle(qtbot)
    (group,) = search.groups
    assert {row.source for row in group} == {"LM Studio", "Hugging Face cache"}
    assert not copy.exists()


def test_a_search_for_duplicates_can_be_cancelled_and_begun_again(qtbot, library, monkeypatch):
    def endless(entries: object, database: Path, control) -> list[object]:
        control.progress("Comparing", 1, 2, "bytes")
        while True:
            control.cancel.raise_if_cancelled()

    search = library.space.duplicates
    library.show_space()
    with monkeypatch.context() as patched:
        patched.setattr("app.library.find_duplicates", endless)
        search.begin.click()
        qtbot.waitUntil(lambda: search.lines.has_begun)
        assert search.cancel_button.isVisible()
        search.cancel_button.click()
        settle(qtbot)
    assert search.begin.isVisible()
    assert search.groups == []
    search.begin.click()
    settle(qtbot)
    assert len(search.groups) == 1


def test_without_duplicates_it_says_so(qtbot, library, tmp_path):
    (tmp_path / "person/.lmstudio/models/owner/Long-GGUF/Long-BF16.gguf").unlink()
    library.rescan()
    settle(qtbot)
    library.show_space()
    library.space.duplicates.begin.click()
    settle(qtbot)
    assert "No model is here twice." in words(library.space)
