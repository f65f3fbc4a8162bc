"""Export… as a person in the window meets it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtWidgets import QFileDialog

from app.chat import ConversationStore
from app.runtime import Sampling
from app.storage import DataFolder
from app.ui.pages.chat_export import export_conversations, file_name
from app.ui.window import MainWindow
from tests.ui.conftest import settle


@pytest.fixture
def window(open_nibble: Callable[[], MainWindow], folder: DataFolder) -> MainWindow:
    with ConversationStore(folder.database) as store:
        for text in ("Hello there", "Good morning"):
            store.add_prompt(store.create(Path("/one.gguf"), Sampling()).id, text)
    return open_nibble()


@pytest.fixture
def choose(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path | str, int], None]:
    """What the person answers in the dialog: a file, and which of the kinds offered."""

    def choose_it(target: Path | str, kind: int = 0) -> None:
        def ask(parent: object, title: str, suggested: str, filters: str) -> tuple[str, str]:
            return str(target), filters.split(";;")[kind]

        monkeypatch.setattr(QFileDialog, "getSaveFileName", ask)

    return choose_it


def test_all_or_one_are_written_where_the_person_says(qtbot, window, folder, choose, tmp_path) -> None:
    choose(tmp_path / "all.html")
    export_conversations(window, folder.database, None, window.notices)
    settle(qtbot)
    page = (tmp_path / "all.html").read_text(encoding="utf-8")
    assert "Hello there" in page
    assert "Good morning" in page
    assert window.notices.bars()[0].hint == str(tmp_path / "all.html")
    choose(tmp_path / "one", 1)
    export_conversations(window, folder.database, [1], window.notices, "Hello there")
    settle(qtbot)
    assert "Good morning" not in (tmp_path / "one.md").read_text(encoding="utf-8")


def test_name_without_an_ending_replaces_no_file_that_is_there(
    qtbot, window, folder, choose, tmp_path
) -> None:
    (tmp_path / "kept.json").write_text("mine")
    choose(tmp_path / "kept", 2)
    export_conversations(window, folder.database, None, window.notices)
    settle(qtbot)
    assert (tmp_path / "kept.json").read_text() == "mine"
    assert "Hello there" in (tmp_path / "kept 2.json").read_text()


def test_dialog_that_is_cancelled_writes_nothing(qtbot, window, folder, choose) -> None:
    choose("")
    export_conversations(window, folder.database, None, window.notices)
    settle(qtbot)
    assert window.notices.bars() == []


def test_folder_that_is_gone_is_told(qtbot, window, folder, choose, tmp_path) -> None:
    choose(tmp_path / "none" / "all.md")
    export_conversations(window, folder.database, None, window.notices)
    settle(qtbot)
    assert "none" in window.notices.bars()[0].sentence


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("What is Q4_K_M?", "What is Q4_K_M"),
        ("../../etc/passwd", "etc passwd"),
        ("a\u202egpj.exe\x00", "a gpj.exe"),
        ("...", "Conversations"),
        ("x" * 500, "x" * 60),
    ],
)
def test_suggested_name_is_one_that_every_system_takes(qapp, title: str, name: str) -> None:
    assert file_name(title) == name
