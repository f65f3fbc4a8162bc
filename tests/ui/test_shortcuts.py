"""The page of keyboard shortcuts over the real window."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
NONE = Qt.KeyboardModifier.NoModifier


@pytest.mark.parametrize(
    ("key", "modifiers"),
    [(Qt.Key.Key_F1, NONE), (Qt.Key.Key_Question, CONTROL | SHIFT), (Qt.Key.Key_Slash, CONTROL)],
)
def test_keys_open_it_from_the_prompt_and_escape_gives_the_focus_back(qtbot, open_nibble, key, modifiers):
    window = open_nibble()
    field = window.show_page("chat").composer.field
    field.setFocus()
    QTest.keyClick(field, key, modifiers)
    assert window.shortcuts.isVisible()
    assert window.shortcuts.field.hasFocus()
    QTest.keyClick(window.shortcuts.field, Qt.Key.Key_Escape)
    assert not window.shortcuts.isVisible()
    assert field.hasFocus()


def test_it_tells_the_pages_and_everything_else(qtbot, open_nibble):
    window = open_nibble()
    window.open_shortcuts()
    shown = dict(window.shortcuts.shown())
    assert shown["Chat"] == "Ctrl+3"
    assert shown["Answer again"] == "Ctrl+R"
    assert shown["Larger text"] == "Ctrl++ or Ctrl+="


def test_it_is_searched_by_words_keys_and_places(qtbot, open_nibble):
    window = open_nibble()
    window.open_shortcuts()
    panel = window.shortcuts
    QTest.keyClicks(panel.field, "code copy")
    assert panel.shown() == [("Copy the last code block", "Ctrl+Shift+C")]
    panel.field.setText("ctrl+shift+f")
    assert [words for words, _ in panel.shown()] == ["Find in chats"]
    panel.field.setText("discover")
    assert ("Search models", "Ctrl+F") in panel.shown()
    panel.field.setText("zzzz")
    assert panel.shown() == []


def test_palette_and_settings_lead_to_it(qtbot, open_nibble):
    window = open_nibble()
    window.open_palette()
    QTest.keyClicks(window.palette_.field, "keyboard sh")
    QTest.keyClick(window.palette_.field, Qt.Key.Key_Return)
    assert window.shortcuts.isVisible()
    window.shortcuts.close_()
    page = window.show_page("settings")
    next(each for each in page.findChildren(QPushButton) if each.text() == "Keyboard shortcuts").click()
    assert window.shortcuts.isVisible()


def test_it_stays_within_a_window_that_becomes_smaller(qtbot, open_nibble):
    window = open_nibble()
    window.open_shortcuts()
    window.resize(900, 600)
    assert window.rect().contains(window.shortcuts.geometry())
