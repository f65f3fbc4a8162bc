"""Larger and smaller text, in the real window."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QFontMetrics, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QPushButton

from app.storage import load_settings
from app.ui import theme
from app.ui.pages.chat import ChatPage
from app.ui.zoom import STEPS, Zoom, ZoomChoice
from tests.ui.conftest import settle
from tests.ui.test_actions import CODE, write_conversation

CONTROL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture(autouse=True)
def usual_size_after(qapp):
    yield
    theme.Theme(qapp)


def turn_wheel(window, eighths: int, modifiers) -> None:
    at = QPointF(400, 300)
    wheel = QWheelEvent(
        at,
        window.mapToGlobal(at),
        QPoint(),
        QPoint(0, eighths),
        Qt.MouseButton.NoButton,
        modifiers,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(window.windowHandle(), wheel)


def words_px(window, text: str) -> int:
    """How high the letters of a label or button are."""
    parts = [*window.findChildren(QLabel), *window.findChildren(QAbstractButton)]
    part = next(part for part in parts if part.isVisible() and part.text() == text)
    return QFontMetrics(part.font()).height()


def test_keys_make_text_larger_and_smaller_and_what_it_was(qtbot, open_nibble, folder):
    window = open_nibble()
    window.show_page("settings")
    usual = words_px(window, "Appearance"), words_px(window, "Open")
    QTest.keyClick(window, Qt.Key.Key_Plus, CONTROL)
    QTest.keyClick(window, Qt.Key.Key_Equal, CONTROL)
    larger = words_px(window, "Appearance"), words_px(window, "Open")
    assert all(
        now / before == pytest.approx(1.25, abs=0.1) for now, before in zip(larger, usual, strict=True)
    )
    settle(qtbot)
    assert load_settings(folder.settings).zoom_percent == 125
    QTest.keyClick(window, Qt.Key.Key_0, CONTROL)
    assert (words_px(window, "Appearance"), words_px(window, "Open")) == usual
    QTest.keyClick(window, Qt.Key.Key_Minus, CONTROL)
    assert words_px(window, "Appearance") < usual[0]


def test_size_ends_at_the_first_and_last_step_and_no_action_goes_beyond(qtbot, open_nibble):
    window = open_nibble()
    for _ in range(len(STEPS)):
        QTest.keyClick(window, Qt.Key.Key_Plus, CONTROL)
    assert theme.current().zoom == 2.0
    window.open_palette()
    assert "Larger text" not in {entry.text for entry in window.palette_.found}
    window.palette_.close_()
    for _ in range(len(STEPS)):
        QTest.keyClick(window, Qt.Key.Key_Minus, CONTROL)
    assert theme.current().zoom == 0.7


def test_wheel_zooms_with_ctrl_only_and_fine_wheels_add_up(qtbot, open_nibble):
    window = open_nibble()
    turn_wheel(window, 120, Qt.KeyboardModifier.NoModifier)
    assert theme.current().zoom == 1.0
    for _ in range(4):
        turn_wheel(window, 30, CONTROL)
    assert theme.current().zoom == 1.1
    turn_wheel(window, -240, CONTROL)
    assert theme.current().zoom == 0.9


def test_settings_tell_and_change_the_size(qtbot, open_nibble):
    window = open_nibble()
    (choice,) = window.show_page("settings").findChildren(ZoomChoice)
    assert choice.words.text() == "100 %"
    choice.larger.click()
    assert choice.words.text() == "110 %"
    window.findChild(Zoom).step(-1)
    window.findChild(Zoom).step(-1)
    assert choice.words.text() == "90 %"


def test_messages_are_laid_out_again_and_nothing_of_them_is_lost(qtbot, open_nibble, folder):
    write_conversation(folder, "What is it?", CODE)
    window = open_nibble()
    chat = window.show_page("chat")
    assert isinstance(chat, ChatPage)
    answer, prompt = chat.column.answers()[0].prose, chat.column.prompts()[0].prose
    field = chat.composer.field
    field.setPlainText("half a thought")
    before = answer.toPlainText(), answer.height(), prompt.width(), field.height()
    window.services.preferences.set_zoom(200)
    qtbot.waitUntil(lambda: answer.toPlainText() == before[0])
    assert answer.document().defaultFont().pixelSize() == theme.current().sizes["prose"]
    assert answer.height() > 1.4 * before[1]  # what is around code stays
    assert prompt.width() > 1.5 * before[2]
    assert field.height() > 1.5 * before[3]
    assert field.toPlainText() == "half a thought"
    assert chat.column.last_code() is not None


def test_a_size_that_is_none_is_the_nearest(qtbot, qapp, folder):
    from app.ui.application import open_window, prepare_application

    prepare_application(qapp)
    folder.settings.write_text("zoom_percent = 100000\n")
    window = open_window(qapp, folder)
    qtbot.addWidget(window)
    assert theme.current().zoom == 2.0
    window.leave()


@pytest.mark.parametrize("key", ["library", "chat", "compare", "settings"])
def test_buttons_have_room_for_their_words_at_150_percent_in_the_smallest_window(qtbot, open_nibble, key):
    window = open_nibble()
    window.resize(900, 600)
    window.services.preferences.set_zoom(150)
    page = window.show_page(key)
    settle(qtbot)
    QApplication.processEvents()
    for button in page.findChildren(QPushButton):
        if button.isVisible() and button.text():
            assert button.width() >= button.sizeHint().width(), button.text()
            assert button.height() >= QFontMetrics(button.font()).height(), button.text()
