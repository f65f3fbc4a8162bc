"""A long conversation: messages above are made while the person scrolls, and what is being read stays where it is."""

from __future__ import annotations

from PySide6.QtCore import QPoint
from PySide6.QtTest import QTest

from app.chat import Message, MessageState
from app.ui.pages.chat_column import MessageColumn


def long_conversation(messages: int) -> list[Message]:
    paragraphs = "\n\n".join(["Words that go on for more than a line, again and again, " * 4] * 6)
    return [
        Message(n, "assistant", paragraphs, MessageState.COMPLETE, 0.0)
        if n % 2
        else Message(n, "user", f"Question {n}", MessageState.COMPLETE, 0.0)
        for n in range(messages)
    ]


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
