"""Buttons of messages that are there only when they are needed, and cannot be told from those that always are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolButton

from app.chat import Message, MessageState
from app.storage.settings import Appearance
from app.ui.pages.chat_actions import MessageActions
from app.ui.pages.chat_column import MessageColumn
from app.ui.theme import Theme


def prompt(number: int = 1) -> Message:
    return Message(number, "user", f"Question {number}", MessageState.COMPLETE, 0.0)


def answer(state: MessageState = MessageState.COMPLETE) -> Message:
    return Message(2, "assistant", "An answer.", state, 0.0)


@pytest.fixture
def column(qtbot, qapp) -> Iterator[MessageColumn]:
    chosen = Theme(qapp, Appearance.LIGHT)
    chosen.dress()
    made = MessageColumn()
    qtbot.addWidget(made)
    made.resize(800, 600)
    made.show()
    yield made
    chosen.deleteLater()


def made_buttons(column) -> list[MessageActions]:
    return [each for each in column.findChildren(MessageActions) if not each.isHidden()]


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
@pytest.mark.parametrize("last", [answer(), answer(MessageState.STOPPED)], ids=["whole", "stopped"])
def test_buttons_come_where_they_were_painted(column, qtbot, last, busy):
    column.show_messages([prompt(), last])
    column.set_busy(busy)
    QTest.qWait(20)
    rows = [view.action_row for view in column.views()]
    before = [row.grab().toImage() for row in rows]
    assert made_buttons(column) == []
    for view in column.views():
        _ = view.buttons
    QTest.qWait(20)
    assert [row.grab().toImage() for row in rows] == before


def test_pointer_makes_them(column):
    column.show_messages([prompt()])
    QTest.qWait(20)
    (view,) = column.views()
    QTest.mouseMove(view.action_row, QPoint(5, 5))
    assert len(made_buttons(column)) == 1


def test_finger_without_a_pointer_means_the_button_under_it(column):
    column.show_messages([prompt()])
    QTest.qWait(20)
    (view,) = column.views()
    row = view.action_row
    QTest.mouseClick(row, Qt.MouseButton.LeftButton, pos=QPoint(row.width() - 5, row.height() // 2))
    assert QApplication.clipboard().text() == "Question 1"


def test_keys_walk_through_them_message_by_message(column, qtbot):
    column.show_messages([prompt(1), prompt(2)])
    with qtbot.waitActive(column):
        column.activateWindow()
    QTest.qWait(20)
    first, second = column.views()
    first.prose.setFocus()
    QTest.keyClick(first.prose, Qt.Key.Key_Tab)
    walked = []
    while isinstance(focused := QApplication.focusWidget(), QToolButton) and len(walked) < 10:
        walked.append(focused)
        QTest.keyClick(focused, Qt.Key.Key_Tab)
    buttons = first.buttons
    assert walked == [buttons.edit, buttons.quote, buttons.copy]
    assert QApplication.focusWidget() is second.prose
    QTest.keyClick(second.prose, Qt.Key.Key_Backtab)
    assert QApplication.focusWidget() is buttons.copy
