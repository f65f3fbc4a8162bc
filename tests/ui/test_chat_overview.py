"""The list of conversations: searching all that was said, and what can be done with a conversation."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit

from app.chat import MessageState
from app.runtime import Sampling
from app.ui import search_indexing
from tests.ui.conftest import settle


@pytest.fixture
def three(chat, endless):
    """Three conversations, the last used one first: "Third", "Second", "First"; and the page."""
    store = chat.window().services.conversations
    for title, answer in (("First", "The tide comes in."), ("Second", "Nothing here."), ("Third", "Less.")):
        conversation = store.create(endless, Sampling())
        store.add_prompt(conversation.id, title)
        writer = store.begin_answer(conversation.id, "Endless", "F32")
        writer.append(answer)
        writer.finish(MessageState.COMPLETE)
    chat._show_list()
    return chat


def titles(page) -> list[str]:
    return [line.title for line in page.list.lines]


def identity(page, title: str) -> int:
    return next(line.id for line in page.list.lines if line.title == title)


def search(qtbot, page, words: str) -> None:
    page.list_controls.field.setText(words)
    qtbot.wait(200)
    settle(qtbot)


def test_what_was_said_is_found_and_opened_where_it_stands(three, qtbot):
    search(qtbot, three, "tide")
    assert titles(three) == ["First"]
    assert "tide" in three.list.lines[0].model
    three.list.message_chosen.emit(three.list.lines[0].message)
    assert three.conversation.title == "First"
    search(qtbot, three, "")
    assert titles(three) == ["Third", "Second", "First"]


def test_while_the_index_is_being_made_that_is_said_and_what_comes_later_is_found(three, qtbot, monkeypatch):
    monkeypatch.setattr("app.chat.search._LATEST_WITHIN_S", 0.0)
    note = three.list_controls.note
    three.list_controls.field.setText("tide")
    qtbot.waitUntil(lambda: not note.isHidden())
    assert "0 %" in note.text()
    assert titles(three) == []
    search_indexing.index(three, three.window().services.folder.database)
    qtbot.waitUntil(lambda: note.isHidden(), timeout=10_000)
    assert titles(three) == ["First"]


@pytest.mark.parametrize("words", ['"', "NEAR(", "* -", "\ud800", "zebra"])
def test_words_that_are_nowhere_or_no_words_find_nothing(three, qtbot, words):
    search(qtbot, three, words)
    assert titles(three) in ([], ["Third", "Second", "First"])
    assert not three.notices.bars()


def test_title_is_changed_in_the_list_and_an_empty_one_is_the_first_words_again(three, qtbot):
    for typed, shown in (("Of tides", "Of tides"), ("", "First")):
        row = [line.id for line in three.list.lines].index(identity(three, titles(three)[2]))
        three.list.setCurrentIndex(three.list.model().index(row, 0))
        QTest.keyClick(three.list, Qt.Key.Key_F2)
        field = three.list.viewport().findChild(QLineEdit)
        field.setText(typed)
        QTest.keyClick(field, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda shown=shown: titles(three)[2] == shown)
        qtbot.waitUntil(lambda: not three.list.viewport().findChildren(QLineEdit))


def test_pinned_ones_are_first(three):
    three.list.pin_asked.emit(identity(three, "First"))
    assert titles(three) == ["First", "Third", "Second"]
    three.list.pin_asked.emit(identity(three, "First"))
    assert titles(three) == ["Third", "Second", "First"]


def test_archived_ones_are_put_away_and_can_be_put_back(three):
    three.list.archive_asked.emit(identity(three, "Second"))
    assert titles(three) == ["Third", "First"]
    three.list_controls.archived.click()
    assert titles(three) == ["Second"]
    three.list.archive_asked.emit(identity(three, "Second"))
    assert titles(three) == []
    three.list_controls.archived.click()
    assert titles(three) == ["Third", "Second", "First"]


def test_copy_has_all_that_was_said(three):
    three.list.copy_asked.emit(identity(three, "First"))
    assert sorted(titles(three)) == ["Copy of First", "First", "Second", "Third"]
    store = three.window().services.conversations
    copied = store.messages(identity(three, "Copy of First"))
    assert [message.text for message in copied] == ["First", "The tide comes in."]
