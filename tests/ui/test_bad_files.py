"""Files that cannot be used, as a person meets them in the window: a sentence, a next step, and it lives on."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtWidgets import QLabel, QWidget

from app.hardware import Memory, live
from app.storage import DataFolder
from app.ui.pages.chat import ChatPage
from app.ui.pages.library import LibraryPage
from app.ui.pages.library_rows import Column
from app.ui.window import MainWindow
from tests.helpers.raw_gguf import STRING, RawGguf
from tests.helpers.tiny_gguf import write_tiny_model
from tests.ui.conftest import settle

HOSTILE = "<img src='x.png'> & <b>Bard</b>"


def not_gguf(path: Path) -> None:
    path.write_text("<html>Please log in to download</html>" * 10)


def truncated(path: Path) -> None:
    content = write_tiny_model(path).read_bytes()
    path.write_bytes(content[: len(content) // 2])


def version_1(path: Path) -> None:
    path.write_bytes(RawGguf(version=1).key("general.architecture", STRING, "llama").to_bytes())


def unknown_architecture(path: Path) -> None:
    write_tiny_model(path, architecture="nosucharch")


def larger_than_memory(path: Path) -> None:
    write_tiny_model(path)


@pytest.mark.parametrize(
    ("make", "word", "listed"),
    [
        (not_gguf, "not a GGUF", True),
        (truncated, "truncated", True),
        (version_1, "version 1", True),
        (unknown_architecture, "nosucharch", False),
        (larger_than_memory, "are free", False),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_chat_with_a_file_that_cannot_be_used_says_why_and_what_to_do(
    open_nibble: Callable[..., MainWindow],
    folder: DataFolder,
    qtbot,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Path], None],
    word: str,
    listed: bool,
):
    bad, good = folder.models / "bad.gguf", write_tiny_model(folder.models / "good.gguf")
    make(bad)
    window = open_nibble()
    if listed:
        assert word in " ".join(cells(library_of(window), Qt.ItemDataRole.AccessibleTextRole))
    chat = window.show_page("chat")
    assert isinstance(chat, ChatPage)
    with monkeypatch.context() as patched:
        if make is larger_than_memory:
            patched.setattr(live, "read_memory", lambda: Memory(16_000_000_000, 1_000_000))
        chat.open_model(bad)
        settle(qtbot)
    card = chat.column.fault_card()
    assert word in card.fault.message
    assert card.fault.hint
    words = [label.text() for label in card.findChildren(QLabel) if label.isVisible()]
    assert {card.fault.message, card.fault.hint} <= set(words)
    chat.open_model(good)
    settle(qtbot)
    assert chat.answering.is_loaded(good)
    assert window.notices.bars() == []


def test_folder_that_may_not_be_read_is_listed_with_why_and_what_to_do(
    open_nibble: Callable[..., MainWindow], folder: DataFolder, monkeypatch: pytest.MonkeyPatch
):
    write_tiny_model(folder.models / "good.gguf", name="Good")
    locked = folder.models / "locked"
    locked.mkdir()
    scandir = os.scandir

    def obey(path: str | Path) -> object:  # root may read everything
        if Path(path) == locked:
            raise PermissionError(13, "Permission denied", str(locked))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", obey)
    window = open_nibble()
    library = library_of(window)
    (spoken,) = [text for text in cells(library, Qt.ItemDataRole.AccessibleTextRole) if "locked" in text]
    assert "not allowed to read" in spoken
    assert "permissions" in spoken
    assert "Good" in cells(library, Qt.ItemDataRole.DisplayRole)
    assert window.notices.bars() == []


def test_names_from_files_are_no_markup_in_tooltips(
    open_nibble: Callable[..., MainWindow], folder: DataFolder, qtbot
):
    first = write_tiny_model(folder.models / "one.gguf", name=HOSTILE, type="f16")
    second = write_tiny_model(folder.models / "two.gguf", name=HOSTILE, type="f32")
    (folder.models / "<img src='y.png'>.gguf").write_text("no model")
    window = open_nibble()
    library = library_of(window)
    tips = cells(library, Qt.ItemDataRole.ToolTipRole)
    library.compared.choose([row for row in library.rows if row.can_chat])
    window.show_page("chat").open_model(first)
    settle(qtbot)
    compare = window.show_page("compare")
    compare.compare_models([first, second])
    settle(qtbot)
    tips += [widget.toolTip() for widget in window.findChildren(QWidget)]
    tips += [pane.picker.itemData(0, Qt.ItemDataRole.ToolTipRole) for pane in compare.panes]
    assert sum("&lt;img" in tip for tip in tips) >= 5
    assert not [tip for tip in tips if "<img" in tip or "<b>" in tip]


def library_of(window: MainWindow) -> LibraryPage:
    page = window.show_page("library")
    assert isinstance(page, LibraryPage)
    return page


def cells(library: LibraryPage, role: Qt.ItemDataRole) -> list[str]:
    """What the first column says of each row."""
    model = library.list.model()
    return [model.index(row, Column.MODEL).data(role) for row in range(model.rowCount(QModelIndex()))]
