"""What keys do, everywhere and on the Chat page, and that the table of them tells no less than there is."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QShortcut
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton

from app.chat import ConversationStore, MessageState
from app.runtime import Sampling
from app.storage import DataFolder
from app.ui.actions import Action
from app.ui.key_table import all_deeds
from app.ui.pages.chat import ChatPage
from app.ui.pages.chat_actions import MessageEditor
from app.ui.window import MainWindow
from tests.ui.conftest import settle
from tests.ui.test_chat_page import ask, ask_for_long, stored

CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
CODE = "Two of them:\n\n```python\nfirst = 1\n```\n\nand\n\n```\nlast = 2\nlast += 1\n```\n\nThat is all."


def offered(window: MainWindow) -> list[str]:
    """What the palette has to offer."""
    window.open_palette()
    texts = [entry.text for entry in window.palette_.found]
    window.palette_.close_()
    return texts


def write_conversation(folder: DataFolder, title: str, answer: str) -> int:
    with ConversationStore(folder.database) as store:
        identity = store.create(folder.models / "gone.gguf", Sampling()).id
        store.add_prompt(identity, title)
        writer = store.begin_answer(identity, "Gone", "F16")
        writer.append(answer)
        writer.finish(MessageState.COMPLETE, None)
    return identity


def opened_chat(window: MainWindow) -> ChatPage:
    page = window.show_page("chat")
    assert isinstance(page, ChatPage)
    return page


def test_what_cannot_be_done_is_not_offered_and_its_keys_do_nothing(qtbot, open_nibble):
    window = open_nibble()
    page = opened_chat(window)
    impossible = {"Stop the answer", "Answer again", "Edit the last prompt", "Copy the last code block"}
    assert not impossible & set(offered(window))
    QGuiApplication.clipboard().setText("mine")
    for key in (Qt.Key.Key_R, Qt.Key.Key_E, Qt.Key.Key_PageDown):
        QTest.keyClick(page.composer.field, key, CONTROL)
    QTest.keyClick(page.composer.field, Qt.Key.Key_C, CONTROL | SHIFT)
    assert QGuiApplication.clipboard().text() == "mine"


def test_answer_again_by_keys_is_another_version(chat, qtbot):
    ask(chat, "First")
    settle(qtbot)
    assert {"Answer again", "Edit the last prompt"} <= set(offered(chat.window()))
    QTest.keyClick(chat.composer.field, Qt.Key.Key_R, CONTROL)
    settle(qtbot)
    assert chat.column.answers()[-1].buttons.switch.words.text() == "2 of 2"


def test_stop_is_offered_while_an_answer_comes_also_from_another_page(chat, qtbot):
    ask_for_long(qtbot, chat)
    window = chat.window()
    window.show_page("library")
    window.open_palette()
    window.palette_.field.setText("stop the")
    QTest.keyClick(window.palette_.field, Qt.Key.Key_Return)
    settle(qtbot)
    assert stored(chat)[-1].state is MessageState.STOPPED
    assert "Stop the answer" not in offered(window)


def test_edit_last_prompt_by_keys_and_by_up_in_an_empty_field(chat, qtbot):
    ask(chat, "First")
    settle(qtbot)
    for key, modifier in ((Qt.Key.Key_E, CONTROL), (Qt.Key.Key_Up, Qt.KeyboardModifier.NoModifier)):
        QTest.keyClick(chat.composer.field, key, modifier)
        (editor,) = chat.column.findChildren(MessageEditor)
        assert editor.field.toPlainText() == "First"
        QTest.keyClick(editor.field, Qt.Key.Key_Escape)
        settle(qtbot)
        qtbot.waitUntil(lambda: not chat.column.findChildren(MessageEditor))
        chat.composer.field.setFocus()
    chat.composer.field.setPlainText("a line")
    QTest.keyClick(chat.composer.field, Qt.Key.Key_Up)
    assert not chat.column.findChildren(MessageEditor)


def test_last_code_block_goes_to_the_clipboard_as_it_was_written(qtbot, open_nibble, folder):
    write_conversation(folder, "Code?", CODE)
    page = opened_chat(open_nibble())
    QTest.keyClick(page.composer.field, Qt.Key.Key_C, CONTROL | SHIFT)
    assert QGuiApplication.clipboard().text().rstrip("\n") == "last = 2\nlast += 1"


def test_keys_walk_through_the_conversations_in_the_order_of_the_list(qtbot, open_nibble, folder):
    for title in ("One", "Two", "Three"):
        write_conversation(folder, title, "So be it.")
    page = opened_chat(open_nibble())
    order = [line.id for line in page.list.lines]
    seen = [page.conversation.id]
    for _ in range(4):  # one more than there are
        QTest.keyClick(page.composer.field, Qt.Key.Key_PageDown, CONTROL)
        seen.append(page.conversation.id)
    assert seen == [*order, order[-1], order[-1]]
    QTest.keyClick(page.composer.field, Qt.Key.Key_PageUp, CONTROL)
    assert page.conversation.id == order[1]


def test_find_brings_back_the_list_where_the_settings_had_its_place(qtbot, open_nibble):
    window = open_nibble()
    window.resize(900, 600)
    page = opened_chat(window)
    page.show_drawer(True)
    assert not page.list_controls.isVisible()
    QTest.keyClick(page.composer.field, Qt.Key.Key_F, CONTROL)
    assert page.list_controls.field.hasFocus()


@pytest.mark.parametrize("key", ["chat", "compare", "library", "settings"])
def test_new_chat_by_keys_from_every_page(qtbot, open_nibble, folder, key):
    write_conversation(folder, "One", "So be it.")
    window = open_nibble()
    page = opened_chat(window)
    assert page.conversation is not None
    window.show_page(key)
    QTest.keyClick(window.focusWidget() or window, Qt.Key.Key_N, CONTROL)
    assert page.isVisible()
    assert page.conversation is None


def test_every_shortcut_in_the_window_is_in_the_table(qtbot, open_nibble):
    window = open_nibble()
    shown = [window.show_page(key) for key in window.page_keys()]
    pages = {f"Ctrl+{number}" for number in range(1, len(shown) + 1)}
    told = {sequence.toString() for deed in all_deeds() for sequence in deed.sequences()} | pages
    there = {
        *(shortcut.key().toString() for shortcut in window.findChildren(QShortcut)),
        *(button.shortcut().toString() for button in window.findChildren(QAbstractButton)),
        *(each.toString() for action in window.findChildren(Action) for each in action.shortcuts()),
    }
    assert there - {""} <= told


def test_no_two_deeds_of_one_place_share_keys():
    for place in {deed.place for deed in all_deeds()}:
        keys = [key.toString() for deed in all_deeds() if deed.place is place for key in deed.sequences()]
        assert len(keys) == len(set(keys))
