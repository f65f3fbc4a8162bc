"""What lies behind and above code: its ground, its language, the button that copies it; and the bars beside quotes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QRectF, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QPainter, QTextBlock, QTextDocument
from PySide6.QtWidgets import QToolButton, QWidget

from app.ui import icons, theme
from app.ui.parts import icon_button
from app.ui.prose.highlight import name_of
from app.ui.prose.looks import CODE_HEAD_PX, GAP_PX, INDENT_PX, QUOTE

if TYPE_CHECKING:
    from app.ui.prose.writer import CodeRun

COPIED_MS = 1500
RADIUS_PX = 8.0
BAR_PX = 3.0


def shown_runs(
    document: QTextDocument, runs: list[CodeRun], seen: QRectF
) -> Iterator[tuple[CodeRun, QRectF]]:
    """The pieces of code that lie in `seen`, with their grounds; looks at no others."""

    def bottom(run: CodeRun) -> float:
        return _rect(document, run.last).bottom()

    for number in range(bisect_left(runs, seen.top(), key=bottom), len(runs)):
        run = runs[number]
        first, last = _rect(document, run.first), _rect(document, run.last)
        left = document.findBlockByNumber(run.first).blockFormat().leftMargin() - GAP_PX
        indent = document.findBlockByNumber(run.first).blockFormat().indent() * INDENT_PX
        ground = QRectF(left + indent, 0, document.textWidth() - left - indent, 0)
        ground.setTop(first.top() - CODE_HEAD_PX)
        ground.setBottom(last.bottom() + GAP_PX)
        if ground.top() > seen.bottom():
            return
        yield run, ground


def paint_behind(painter: QPainter, document: QTextDocument, runs: list[CodeRun], seen: QRectF) -> None:
    colours = theme.current()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setFont(theme.font("caption"))
    for run, ground in shown_runs(document, runs, seen):
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colours.colour("chip"))
        painter.drawRoundedRect(ground, RADIUS_PX, RADIUS_PX)
        painter.setPen(colours.colour("muted"))
        head = QRectF(ground.left() + GAP_PX, ground.top(), ground.width() - 4 * GAP_PX, CODE_HEAD_PX)
        painter.drawText(head, Qt.AlignmentFlag.AlignVCenter, name_of(run.language) or _tr("Code"))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colours.colour("border"))
    for block, levels in _quotes(document, seen):
        rect = document.documentLayout().blockBoundingRect(block)
        before = block.previous()
        top = rect.top()
        if before.isValid() and before.blockFormat().intProperty(QUOTE):
            top = document.documentLayout().blockBoundingRect(before).bottom()
        for level in range(levels):
            x = level * INDENT_PX * 0.75 + block.blockFormat().indent() * INDENT_PX
            painter.drawRect(QRectF(x, top, BAR_PX, rect.bottom() - top))


class CopyButtons:
    """One for each piece of code that can be seen; made when it is seen first."""

    def __init__(self, over: QWidget) -> None:
        self._over = over
        self._buttons: dict[int, QToolButton] = {}
        self._runs: list[CodeRun] = []

    def place(self, runs: list[CodeRun], grounds: list[tuple[CodeRun, QRectF]]) -> None:
        self._runs = runs
        shown = {id(run): ground for run, ground in grounds}
        wanted = {number for number, run in enumerate(runs) if id(run) in shown} if grounds else set()
        for number, button in self._buttons.items():
            if number not in wanted:
                button.hide()
        for number in sorted(wanted):
            ground = shown[id(runs[number])]
            button = self._buttons.get(number) or self._make(number)
            size = round(CODE_HEAD_PX) - 6
            button.setFixedSize(size, size)
            button.move(round(ground.right()) - size - 4, round(ground.top()) + 3)
            button.show()

    def visible(self) -> list[QToolButton]:
        return [button for button in self._buttons.values() if not button.isHidden()]

    def _make(self, number: int) -> QToolButton:
        button = icon_button("copy", _tr("Copy code"), lambda: self._copy(number))
        button.setParent(self._over)
        self._buttons[number] = button
        return button

    def _copy(self, number: int) -> None:
        if number >= len(self._runs):
            return
        QGuiApplication.clipboard().setText(self._runs[number].text)
        button = self._buttons[number]
        button.setIcon(icons.icon("check", "good"))
        QTimer.singleShot(COPIED_MS, button, lambda: button.setIcon(icons.icon("copy")))


def _rect(document: QTextDocument, number: int) -> QRectF:
    """Of the text of a paragraph; its margins are not in it."""
    block = document.findBlockByNumber(number)
    return document.documentLayout().blockBoundingRect(block)


def _quotes(document: QTextDocument, seen: QRectF) -> Iterator[tuple[QTextBlock, int]]:
    layout = document.documentLayout()
    position = layout.hitTest(seen.topLeft(), Qt.HitTestAccuracy.FuzzyHit)
    block = document.findBlock(max(position, 0))
    while block.isValid() and layout.blockBoundingRect(block).top() <= seen.bottom():
        if levels := block.blockFormat().intProperty(QUOTE):
            yield block, levels
        block = block.next()


def _tr(text: str) -> str:
    return QCoreApplication.translate("ChatPage", text)
