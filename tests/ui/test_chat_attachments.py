"""Files and long text with a message: dropped, pasted and picked, counted, sent, and what is said where they do not
fit or cannot be read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog

from app.chat import ConversationStore
from app.chat.attachments import as_prompt
from app.storage import DataFolder
from app.ui.pages.chat import ChatPage
from tests.helpers import tiny_pdf
from tests.helpers.tiny_gguf import CHATML, write_tiny_model
from tests.ui.conftest import settle

CONTEXT = 2048
NOTES = "# Notes\n\nBuy milk.\n"


@pytest.fixture
def chat(open_nibble, folder: DataFolder, qtbot) -> ChatPage:
    """A new chat with a model that is loaded; most characters are tokens to it."""
    path = write_tiny_model(
        folder.models / "small.gguf",
        name="Small",
        context=CONTEXT,
        layers=1,
        chat_template=CHATML,
        never_ends=True,
    )
    page = open_nibble().show_page("chat")
    assert isinstance(page, ChatPage)
    page.open_model(path)
    settle(qtbot)
    page.drawer.samplers.fields["max_tokens"].setValue(4)
    return page


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    path = tmp_path / "notes.md"
    path.write_text(NOTES)
    return path


def names(page: ChatPage) -> list[str]:
    return [chip.name for chip in page.composer.chips.chips()]


def faults(page: ChatPage) -> list[str]:
    return [bar.sentence for bar in page.notices.bars()]


def mime_of(*paths: Path) -> QMimeData:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return mime


def drag(page: ChatPage, mime: QMimeData) -> bool:
    """Over the page; whether it would be taken there."""
    event = QDragEnterEvent(
        QPoint(10, 10),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    event.ignore()
    QApplication.sendEvent(page, event)
    return event.isAccepted()


def drop(page: ChatPage, mime: QMimeData) -> None:
    event = QDropEvent(
        QPointF(10, 10),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(page, event)


def paste(page: ChatPage, mime: QMimeData) -> None:
    QGuiApplication.clipboard().setMimeData(mime)
    page.composer.field.paste()


def paste_text(page: ChatPage, text: str) -> None:
    mime = QMimeData()
    mime.setText(text)
    paste(page, mime)


def attach(qtbot, page: ChatPage, *paths: Path) -> None:
    page.composer.attaching.add_files(list(paths))
    settle(qtbot)


def test_dropped_file_is_attached_and_counted_by_the_model(chat: ChatPage, notes: Path, qtbot):
    mime = mime_of(notes)
    assert drag(chat, mime)
    assert chat.file_drop.veil.isVisible()
    drop(chat, mime)
    assert not chat.file_drop.veil.isVisible()
    settle(qtbot)
    assert names(chat) == ["notes.md"]
    entry = chat.composer.attaching.entries[0]
    assert entry.is_exact
    assert entry.tokens == chat._services.chat_engine.count_tokens(
        as_prompt("", chat.composer.attaching.attachments)
    )
    assert chat.composer.chips.chips()[0].details == f"{entry.tokens} tokens"


def test_dropped_model_is_left_to_the_library(chat: ChatPage, folder: DataFolder, tmp_path: Path):
    for path in (folder.models / "small.gguf", tmp_path):
        drag(chat, mime_of(path))
        assert not chat.file_drop.veil.isVisible()
        assert chat.window().veil.isVisible()


def test_pasted_files_are_attached(chat: ChatPage, notes: Path, qtbot):
    paste(chat, mime_of(notes))
    settle(qtbot)
    assert names(chat) == ["notes.md"]
    assert chat.composer.text == ""


def test_long_pasted_text_becomes_an_attachment_that_can_be_taken_into_the_message(chat: ChatPage, qtbot):
    text = "A line of what somebody copied.\n" * 300
    paste_text(chat, text)
    settle(qtbot)
    assert names(chat) == ["pasted.txt"]
    assert chat.composer.text == ""
    chat.composer._unpaste.click()
    assert names(chat) == []
    assert chat.composer.text == text


def test_short_pasted_text_stays_text(chat: ChatPage):
    paste_text(chat, "two\nlines")
    assert chat.composer.text == "two\nlines"
    assert names(chat) == []


def test_picked_files_are_attached_in_order(chat: ChatPage, notes: Path, tmp_path: Path, monkeypatch, qtbot):
    table = tmp_path / "table.csv"
    table.write_text("a,b\n1,2\n")
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([str(notes), str(table)], ""))
    chat.composer.attach_button.click()
    settle(qtbot)
    assert names(chat) == ["notes.md", "table.csv"]


def test_sent_file_reaches_the_model_and_stays_when_it_is_gone(
    chat: ChatPage, notes: Path, folder: DataFolder, qtbot
):
    attach(qtbot, chat, notes)
    notes.unlink()
    chat.composer.set_text("What is in it?")
    chat.composer.send()
    settle(qtbot)
    assert names(chat) == []
    bubble = chat.column.prompts()[0]
    assert [chip.name for chip in bubble.attachments.chips()] == ["notes.md"]
    assert bubble.prose.text == "What is in it?"
    assert chat.conversation is not None
    with ConversationStore(folder.database) as store:
        prompt, answer = store.messages(chat.conversation.id)
        assert answer.statistics is not None
        given = as_prompt(prompt.text, store.attachments_of([prompt])[prompt.id])
    assert NOTES in given
    # Beside the prompt itself, ChatML's marks and the answer's opening.
    tokens = chat._services.chat_engine.count_tokens(given)
    assert tokens is not None
    assert 0 < answer.statistics.prompt_tokens - tokens < 40
    chat.new_chat()
    chat.open_conversation(prompt_conversation(chat))
    assert [chip.name for chip in chat.column.prompts()[0].attachments.chips()] == ["notes.md"]


def prompt_conversation(chat: ChatPage) -> int:
    return chat.list.lines[0].id


def test_file_alone_can_be_sent_and_gives_the_title(chat: ChatPage, notes: Path, qtbot):
    attach(qtbot, chat, notes)
    QTest.keyClick(chat.composer.field, Qt.Key.Key_Return)
    settle(qtbot)
    assert [line.title for line in chat.list.lines] == ["notes.md"]
    assert len(chat.column.answers()) == 1


def test_attachments_stay_with_their_conversation(chat: ChatPage, notes: Path, qtbot):
    chat.composer.set_text("Hello")
    chat.composer.send()
    settle(qtbot)
    first = prompt_conversation(chat)
    attach(qtbot, chat, notes)
    chat.new_chat()
    assert names(chat) == []
    chat.open_conversation(first)
    assert names(chat) == ["notes.md"]


def test_chip_is_removed_by_mouse_and_by_keyboard(chat: ChatPage, notes: Path, qtbot):
    attach(qtbot, chat, notes, notes)
    chat.window().activateWindow()
    first, _ = chat.composer.chips.chips()
    assert first.button.accessibleName() == "Remove notes.md"
    first.button.click()
    assert len(names(chat)) == 1
    left = chat.composer.chips.chips()[0]
    left.button.setFocus()
    QTest.keyClick(left.button, Qt.Key.Key_Delete)
    assert names(chat) == []
    assert chat.composer.field.hasFocus()


def test_file_that_cannot_be_read_is_told_with_a_way_out_and_leaves_no_chip(
    chat: ChatPage, tmp_path: Path, qtbot
):
    picture = tmp_path / "notes.txt"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    scan = tmp_path / "scan.pdf"
    scan.write_bytes(tiny_pdf.scanned_page())
    attach(qtbot, chat, picture, scan, tmp_path / "gone.md")
    assert names(chat) == []
    qtbot.waitUntil(lambda: len(faults(chat)) == 3)
    told = "\n".join(faults(chat))
    assert "notes.txt is a picture, not text." in told
    assert "No text can be found in scan.pdf" in told
    assert "gone.md is not there any more." in told


def test_part_of_a_large_file_is_told_on_its_chip(chat: ChatPage, tmp_path: Path, qtbot):
    path = tmp_path / "log.txt"
    path.write_bytes(b"The same line again.\n" * 300_000)
    os.truncate(path, 10**9)
    attach(qtbot, chat, path)
    assert "Only the first 4.19 MB of 1.00 GB were read." in chat.composer.chips.chips()[0].toolTip()


# What does not fit


@pytest.fixture
def too_long(chat: ChatPage, tmp_path: Path, qtbot) -> ChatPage:
    """A file of more tokens than the context holds is attached."""
    path = tmp_path / "long.txt"
    path.write_text("".join(f"line {number}\n" for number in range(800)))
    attach(qtbot, chat, path)
    qtbot.waitUntil(chat.composer.too_long.isVisible)
    return chat


def way(page: ChatPage, text: str):
    return next(button for button in page.composer.too_long.buttons if button.text() == text)


def test_file_that_does_not_fit_is_told_before_it_is_sent(too_long: ChatPage):
    words = too_long.composer.too_long.text
    tokens = too_long.composer.attaching.entries[0].tokens
    assert tokens > CONTEXT
    assert f"{tokens:,} tokens" in words
    assert "1,792 are left" in words  # an eighth of 2,048 stays free for the answer


def test_only_the_beginning_fits_and_is_answered(too_long: ChatPage, qtbot):
    way(too_long, "Only the beginning").click()
    settle(qtbot)
    assert not too_long.composer.too_long.isVisible()
    entry = too_long.composer.attaching.entries[0]
    assert 1500 < entry.tokens <= 1792
    assert entry.attachment is not None
    assert entry.attachment.head.remark.startswith("Only the first ")
    too_long.composer.send()
    settle(qtbot)
    assert len(too_long.column.answers()) == 1
    assert too_long.column.fault_card() is None


def test_file_that_does_not_fit_can_be_taken_away(too_long: ChatPage, qtbot):
    too_long.composer.set_text("Hello")
    way(too_long, "Without the file").click()
    assert names(too_long) == []
    assert not too_long.composer.too_long.isVisible()
    assert too_long.composer.text == "Hello"


def test_oldest_turns_give_way_to_a_file(chat: ChatPage, tmp_path: Path, qtbot):
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    for path in (first, second):
        path.write_text("Some words of it. " * 90)
    attach(qtbot, chat, first)
    chat.composer.send()
    settle(qtbot)
    attach(qtbot, chat, second)
    qtbot.waitUntil(chat.composer.too_long.isVisible)
    way(chat, "Leave out the oldest turns").click()
    assert not chat.composer.too_long.isVisible()
    assert chat.conversation is not None
    chat.composer.send()
    settle(qtbot)
    assert chat.column.fault_card() is None
    assert len(chat.column.answers()) == 2


def test_longer_context_is_offered_only_where_the_model_was_made_for_more(too_long: ChatPage):
    assert "Longer context…" not in [button.text() for button in too_long.composer.too_long.buttons]


def test_text_that_is_written_counts_too(chat: ChatPage, qtbot):
    chat.composer.set_text("Some words of it. " * 200)
    qtbot.waitUntil(lambda: chat.composer.too_long.isVisible() and "about" not in chat.composer.too_long.text)
    tokens = chat._services.chat_engine.count_tokens(chat.composer.text)
    assert f"{tokens:,} tokens" in chat.composer.too_long.text


def test_without_a_loaded_model_the_count_says_that_it_is_about(open_nibble, notes: Path, qtbot):
    page = open_nibble().show_page("chat")
    assert isinstance(page, ChatPage)
    attach(qtbot, page, notes)
    assert page.composer.chips.chips()[0].details.startswith("about ")
