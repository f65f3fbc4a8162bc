"""A long conversation: messages above are made while the person scrolls, and what is being read stays where it is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QToolButton

from app.chat import Message, MessageState
from app.ui.pages.chat_actions import MessageEditor
from app.ui.pages.chat_column import MessageColumn


def long_conversation(messages: int) -> list[Message]:
    paragraphs = "\n\n".join(["Words that go on for more than a line, again and again, " * 4] * 6)
    return [
        Message(n, "assistant", paragraphs, MessageState.COMPLETE, 0.0)
        if n % 2
        else Message(n, "user", f"Question {n}", MessageState.COMPLETE, 0.0)
        for n in range(messages)
    ]


@pytest.fixture
def column(qtbot) -> MessageColumn:
    """With 60 messages that are all made, at the first one."""
    column = MessageColumn()
    qtbot.addWidget(column)
    column.resize(800, 600)
    column.show()
    column.show_messages(long_conversation(60))
    column.go_to(0)
    assert len(column.views()) == 60
    return column


def numbers(column: MessageColumn) -> list[int]:
    return [view.message.id for view in column.views() if view.message is not None]


def test_what_is_far_above_goes_and_comes_again(qtbot, column):
    column.scroll_to_end()
    qtbot.waitUntil(lambda: len(column.views()) < 30)
    assert numbers(column) == list(range(numbers(column)[0], 60))
    bar = column.verticalScrollBar()
    assert bar.value() == bar.maximum()
    while bar.value() > 0:
        bar.setValue(bar.value() - 400)
        QTest.qWait(1)
        qtbot.waitUntil(lambda: bar.value() > 600 or column.views()[0].message.id == 0)
    assert numbers(column)[0] == 0
    assert column.prompts()[0].prose.text == "Question 0"


def test_button_leads_to_the_end_and_leaves_the_keyboard_there(qtbot, column):
    column.activateWindow()
    button = next(
        each for each in column.findChildren(QToolButton) if each.accessibleName() == "Go to the end"
    )
    qtbot.waitUntil(button.isVisible)
    button.setFocus()
    qtbot.waitUntil(button.hasFocus)
    bar = column.verticalScrollBar()
    button.click()
    assert bar.value() == bar.maximum()
    assert column.views()[-1].prose.hasFocus()


def test_what_is_read_stays_where_it_is_while_messages_far_above_go(qtbot, column):
    column.go_to(50)
    reference = column.views()[50]
    before = reference.mapTo(column, QPoint(0, 0)).y()
    qtbot.waitUntil(lambda: numbers(column)[0] > 0)
    while True:
        known = numbers(column)[0]
        QTest.qWait(50)
        assert reference.mapTo(column, QPoint(0, 0)).y() == before
        if numbers(column)[0] == known:
            break
    # Several screens above are still there.
    top = column.views()[0]
    assert top.mapTo(column, QPoint(0, 0)).y() < -4 * column.viewport().height()
    # And the one that was asked for is found where it is.
    column.go_to(2)
    assert numbers(column)[0] <= 2
    shown = column.views()[2 - numbers(column)[0]]
    assert 0 <= shown.mapTo(column, QPoint(0, 0)).y() < column.height()


def test_message_that_is_changed_or_marked_does_not_go(qtbot, column):
    marked = column.answers()[2]
    marked.prose.selectAll()
    changed = column.prompts()[6]
    column.edit(changed)
    column.scroll_to_end()
    qtbot.waitUntil(lambda: numbers(column)[0] > 0)
    QTest.qWait(200)
    assert numbers(column)[0] == marked.message.id
    assert marked.prose.textCursor().hasSelection()
    cursor = marked.prose.textCursor()
    cursor.clearSelection()
    marked.prose.setTextCursor(cursor)
    column.verticalScrollBar().setValue(column.verticalScrollBar().maximum() - 1)
    qtbot.waitUntil(lambda: numbers(column)[0] > marked.message.id)
    QTest.qWait(200)
    assert numbers(column)[0] == changed.message.id
    assert changed.findChild(MessageEditor) is not None


def test_long_answer_does_not_send_its_prompt_away(qtbot):
    column = MessageColumn()
    qtbot.addWidget(column)
    column.resize(800, 600)
    column.show()
    column.show_messages(long_conversation(61))
    column.begin_answer("Words.\n\n" * 2_000)
    bar = column.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 20 * 600 and numbers(column)[0] > 50)
    assert column.prompts()[-1].message.id == 60
    column.end_answer(replace(long_conversation(2)[1], id=61))
    assert numbers(column)[-2:] == [60, 61]


def test_what_is_read_stays_where_it_is_while_older_messages_are_made(qtbot):
    column = MessageColumn()
    qtbot.addWidget(column)
    column.resize(800, 600)
    column.show()
    column.show_messages(long_conversation(60))
    bar = column.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 0)
    asked_px, steps = 0, 0
    while (first := column.views()[0]).message.id > 0:
        steps += 1
        assert steps < 2_000
        reference = column.views()[1]
        before = reference.mapTo(column, QPoint(0, 0)).y()
        value = bar.value()
        bar.setValue(value - 300)
        moved_px = value - bar.value()
        asked_px += moved_px
        while column.views()[0] is first and bar.value() < 600:
            QTest.qWait(1)
        assert reference.mapTo(column, QPoint(0, 0)).y() == before + moved_px
    assert asked_px > 5_000
