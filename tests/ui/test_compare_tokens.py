"""Compare, token by token: the window with real workers, and its parts with made figures."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QLabel, QMenu

from app.compare.token_words import nats, percent, strength, texts, visible
from app.runtime.protocol import TokenDivergence, TokenProbability, TokenView
from app.ui.pages.compare import ComparePage
from app.ui.pages.compare_divergence import DivergenceWindow
from tests.helpers.tiny_gguf import write_tiny_model
from tests.ui.conftest import settle
from tests.ui.test_compare_page import PATIENCE_MS, ask, open_page, page, turn_of, twins

__all__ = ["open_page", "page", "twins"]


def token(text: bytes, kl: float = 0.0, *, flips: bool = False, number: int = 1) -> TokenDivergence:
    def view(top: int) -> TokenView:
        likeliest = TokenProbability(token=top, text=text, log_probability=math.log(0.5))
        return TokenView(log_probability=math.log(0.5), rank=int(top != number), likeliest=(likeliest,))

    return TokenDivergence(
        token=number, text=text, kl_divergence=kl, reference=view(number), other=view(number + flips)
    )


@pytest.fixture
def window(qtbot) -> DivergenceWindow:
    tokens = [
        token(b"One"),
        token(b" two", 0.5, flips=True),
        token(b"\n"),
        token(b" three"),
        token(b" four", 3.0, flips=True),
    ]
    window = DivergenceWindow("Model Q8_0", "Model Q2_K", tokens)
    window.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(window)
    window.show()
    return window


def said(window: DivergenceWindow) -> str:
    return " ".join(each.text() for each in window.findChildren(QLabel))


def test_an_answer_is_measured_and_shown(qtbot, page: ComparePage) -> None:
    ask(qtbot, page)
    page.strip.tokens_button.click()
    assert page.running
    qtbot.waitUntil(lambda: page.tokens.window is not None, timeout=PATIENCE_MS)
    window = page.tokens.window
    settle(qtbot)
    assert not page.running
    assert page.strip.sentence  # the verdict is back
    # f32 has more bits than f16, so its answer it is.
    answers = {pane.entry.path.name: turn_of(pane).text for pane in page.panes}
    shown = window.text.toPlainText()
    assert shown == answers["twin-f32.gguf"].replace("\r", "")
    assert "twin-f32" in window.windowTitle() or "F32" in window.windowTitle()
    assert "of 12 places" in said(window)
    ask(qtbot, page, "More")  # the next prompt: what is shown would be of another answer
    assert page.tokens.window is None


def test_which_of_several_is_asked_for(qtbot, page: ComparePage) -> None:
    page.header.add_asked.emit()
    assert len(page.panes) == 3
    ask(qtbot, page)
    page.strip.tokens_button.click()
    (menu,) = page.findChildren(QMenu)
    assert len(menu.actions()) == 2
    menu.actions()[1].trigger()
    menu.close()
    qtbot.waitUntil(lambda: page.tokens.window is not None, timeout=PATIENCE_MS)
    settle(qtbot)


def test_models_with_other_tokens_say_why_not(
    qtbot, open_page: Callable[..., ComparePage], twins: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    odd = write_tiny_model(
        tmp_path / "odd.gguf", type="f16", name="Odd", never_ends=True, vocabulary=700, context=4096
    )
    page = open_page(twins[0], odd)
    ask(qtbot, page)
    page.strip.tokens_button.click()
    settle(qtbot)
    assert page.tokens.window is None
    assert "different tokens" in " ".join(each.text() for each in page.notices.findChildren(QLabel))


def test_it_begins_where_they_part_and_goes_from_one_such_place_to_the_next(window: DivergenceWindow) -> None:
    assert window.current == 1
    window.after.click()
    assert window.current == 4
    window.after.click()
    assert window.current == 1
    window.before.click()
    assert window.current == 4
    assert "Token 5 of 5" in said(window)


def test_keys_pointer_and_chart_choose_a_token(qtbot, window: DivergenceWindow) -> None:
    qtbot.keyClick(window.text, Qt.Key.Key_Right)
    assert window.current == 2
    qtbot.keyClick(window.text, Qt.Key.Key_Left)
    qtbot.keyClick(window.text, Qt.Key.Key_Left)
    qtbot.keyClick(window.text, Qt.Key.Key_Left)
    assert window.current == 0
    chart = window.chart
    qtbot.mouseClick(chart, Qt.MouseButton.LeftButton, pos=QPoint(chart.width() - 2, 10))
    assert window.current == 4
    here = window.text.cursorRect().center()
    qtbot.mouseMove(window.text.viewport(), here + QPoint(8, 0))
    assert window.current == 4
    qtbot.mouseMove(window.text.viewport(), QPoint(8, 8))
    assert window.current == 0


def test_what_differs_is_underlined_and_coloured(window: DivergenceWindow) -> None:
    cursor = window.text.textCursor()
    forms = []
    for place in (1, 5):
        cursor.setPosition(place)
        forms.append(cursor.charFormat())
    assert [form.fontUnderline() or form.underlineStyle().value > 0 for form in forms] == [False, True]
    assert [form.background().style() is not Qt.BrushStyle.NoBrush for form in forms] == [False, True]


def test_where_nothing_differs_there_is_nowhere_to_go(qtbot) -> None:
    window = DivergenceWindow("A", "B", [token(b"a"), token(b"b")])
    window.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(window)
    assert not window.after.isEnabled()
    assert "all of 2 places" in said(window)
    assert window.current == 0


def test_odd_figures_and_tokens_are_shown(qtbot) -> None:
    tokens = [
        token("é".encode()[:1], math.nan),
        token("é".encode()[1:], math.inf, flips=True),
        token(b"<b>&amp;</b>"),
        token(b"\xff"),
        token(b""),
    ]
    window = DivergenceWindow("<i>A</i>", "B", tokens)
    window.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(window)
    window.show()
    for index in range(len(tokens)):
        window.choose(index)
    assert window.text.toPlainText() == "é<b>&amp;</b>\ufffd"


def test_an_answer_of_thousands_of_tokens(qtbot) -> None:
    window = DivergenceWindow("A", "B", [token(b" word", 0.001 * (n % 700)) for n in range(4000)])
    window.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(window)
    window.show()
    window.choose(3999)
    assert window.text.verticalScrollBar().value() > 0


def test_words() -> None:
    assert [visible(each) for each in (b" the", b"\n", b"a b", b"")] == ["·the", "⏎", "a b", ""]
    assert [percent(math.log(each)) for each in (1.0, 0.1234, 0.0123, 0.00001)] == [
        "100.0 %",
        "12.3 %",
        "1.23 %",
        "< 0.01 %",
    ]
    assert (percent(-math.inf), percent(math.nan)) == ("< 0.01 %", "–")
    assert [nats(each) for each in (0.01234, 0.5, math.inf, math.nan)] == ["0.0123", "0.500", "∞", "–"]
    assert (strength(0.0), strength(0.01), strength(2.0), strength(math.inf), strength(math.nan)) == (
        0,
        0,
        1,
        1,
        0,
    )
    assert 0.4 < strength(0.15) < 0.6
    assert texts([token(b"a"), token(b"\xc3"), token(b"\xa9"), token(b"\xc3")]) == ["a", "", "é", "\ufffd"]
