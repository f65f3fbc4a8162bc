"""What a person does with messages that are there, in the real window: nothing is lost by it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QTextCursor
from PySide6.QtTest import QTest

from app.ui.pages.chat_actions import MessageEditor
from tests.ui.conftest import settle
from tests.ui.test_chat_page import ask, ask_for_long, stored


def shown(page) -> list[str]:
    """The texts in the column, prompts and answers in turn."""
    return [view.message.text for view in page.column.views() if view.message is not None]


def editor_of(page) -> MessageEditor:
    (editor,) = page.column.findChildren(MessageEditor)
    return editor


def test_edited_prompt_is_answered_and_the_old_one_is_an_arrow_away(chat, qtbot):
    ask(chat, "First")
    settle(qtbot)
    before = shown(chat)
    (bubble,) = chat.column.prompts()
    bubble.buttons.edit.click()
    editor = editor_of(chat)
    assert editor.field.toPlainText() == "First"
    editor.field.setPlainText("Second")
    QTest.keyClick(editor.field, Qt.Key.Key_Return)
    settle(qtbot)
    assert [message.text for message in stored(chat)] == shown(chat)
    assert shown(chat)[0] == "Second"
    switch = chat.column.prompts()[0].buttons.switch
    assert switch.words.text() == "2 of 2"
    assert not switch.later.isEnabled()
    switch.earlier.click()
    assert shown(chat) == before
    chat.column.prompts()[0].buttons.switch.later.click()
    assert shown(chat)[0] == "Second"


def test_answer_again_keeps_the_first_answer_and_what_followed_it(chat, qtbot):
    ask(chat, "First")
    settle(qtbot)
    ask(chat, "And then?")
    settle(qtbot)
    before = shown(chat)
    chat.column.answers()[0].buttons.again.click()
    settle(qtbot)
    assert shown(chat)[0] == "First"
    assert len(shown(chat)) == 2
    switch = chat.column.answers()[0].buttons.switch
    assert switch.words.text() == "2 of 2"
    switch.earlier.click()
    assert shown(chat) == before


def test_other_answer_that_never_comes_leaves_all_as_it_was(chat, endless, qtbot):
    ask(chat, "First")
    settle(qtbot)
    ask(chat, "And then?")
    settle(qtbot)
    before = shown(chat)
    assert chat.window().services.chat_engine.unload()
    endless.rename(endless.with_name("elsewhere.bin"))
    chat.column.answers()[0].buttons.again.click()
    assert shown(chat)[:1] == ["First"]
    settle(qtbot)
    assert shown(chat) == before
    assert chat.column.fault_card() is not None


def test_edited_answer_is_kept_beside_the_models_own_and_nothing_is_asked(chat, qtbot):
    ask(chat, "First")
    settle(qtbot)
    original = shown(chat)[1]
    chat.column.answers()[0].buttons.edit.click()
    editor = editor_of(chat)
    editor.field.setPlainText("What it should have said")
    QTest.keyClick(editor.field, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    settle(qtbot)
    assert shown(chat) == ["First", "What it should have said"]
    assert stored(chat)[-1].is_edited
    chat.column.answers()[0].buttons.switch.earlier.click()
    assert shown(chat) == ["First", original]


def test_enter_in_an_answers_editor_is_a_new_line(chat, qtbot):
    ask(chat, "First")
    settle(qtbot)
    chat.column.answers()[0].buttons.edit.click()
    editor = editor_of(chat)
    editor.field.setPlainText("one")
    editor.field.moveCursor(QTextCursor.MoveOperation.End)
    QTest.keyClick(editor.field, Qt.Key.Key_Return)
    QTest.keyClicks(editor.field, "two")
    assert editor.field.toPlainText() == "one\ntwo"


def test_escape_leaves_the_message_as_it_was(chat, qtbot):
    ask(chat, "First")
    settle(qtbot)
    before = shown(chat)
    chat.column.prompts()[0].buttons.edit.click()
    editor = editor_of(chat)
    editor.field.setPlainText("Never mind")
    QTest.keyClick(editor.field, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not chat.column.findChildren(MessageEditor))
    assert shown(chat) == before
    assert chat.column.prompts()[0].prose.isVisible()
    assert len(stored(chat)) == 2


def test_what_is_selected_is_quoted_or_else_all(chat, qtbot):
    ask(chat, "One two three")
    settle(qtbot)
    chat.composer.set_text("Well: ")
    (bubble,) = chat.column.prompts()
    cursor = bubble.prose.textCursor()
    cursor.setPosition(4)
    cursor.setPosition(7, QTextCursor.MoveMode.KeepAnchor)
    bubble.prose.setTextCursor(cursor)
    bubble.buttons.quote.click()
    assert chat.composer.text == "Well: \n> two\n\n"
    chat.composer.clear()
    bubble.prose.setTextCursor(QTextCursor(bubble.prose.document()))
    bubble.buttons.quote.click()
    assert chat.composer.text == "> One two three\n\n"


def test_nothing_can_be_changed_while_an_answer_is_made(chat, qtbot):
    ask_for_long(qtbot, chat)
    buttons = chat.column.prompts()[0].buttons
    assert not buttons.edit.isEnabled()
    assert buttons.copy.isEnabled()
    chat.composer.stop()
    settle(qtbot)
    assert buttons.edit.isEnabled()


def test_answer_that_was_stopped_goes_on_where_it_ended(chat, qtbot):
    chat.drawer.samplers.fields["temperature"].setValue(0.0)
    ask(chat, "First", max_tokens=8)
    settle(qtbot)
    first = shown(chat)[1]
    view = chat.column.answers()[0]
    assert view.buttons.go_on.isVisible()
    view.buttons.go_on.click()
    settle(qtbot)
    assert len(shown(chat)) == 2
    assert shown(chat)[1].startswith(first)
    assert len(shown(chat)[1]) > len(first)
    assert len(stored(chat)) == 2
