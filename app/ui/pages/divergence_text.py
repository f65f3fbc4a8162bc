"""An answer token by token, each on a ground that tells how much two models differ there."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QTextEdit, QWidget

from app.compare.token_words import texts
from app.runtime.protocol import TokenDivergence
from app.ui import theme
from app.ui.pages.divergence_words import ground


class DivergenceText(QTextEdit):
    """`chosen`: the index of the token under the pointer or the keys. Left and right go through them."""

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tokens: Sequence[TokenDivergence] = ()
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._current = -1
        self.setReadOnly(True)
        self.setMouseTracking(True)
        self.viewport().setMouseTracking(True)
        self.setAccessibleName(self.tr("The answer, token by token"))
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )

    def show_tokens(self, tokens: Sequence[TokenDivergence]) -> None:
        self._tokens = tokens
        self._current = -1
        self.clear()
        self._starts, self._ends = [], []
        cursor = QTextCursor(self.document())
        cursor.beginEditBlock()
        for token, text in zip(tokens, texts(tokens), strict=True):
            self._starts.append(cursor.position())
            # A line break stays a line within one block, so that positions are those of the text.
            cursor.insertText(text.replace("\r", "").replace("\n", "\u2028"), _form(token))
            self._ends.append(cursor.position())
        cursor.endEditBlock()
        self.moveCursor(QTextCursor.MoveOperation.Start)
        self._show_current()

    def choose(self, index: int) -> None:
        """Marks a token and brings it into view; without a signal."""
        self._current = index
        cursor = QTextCursor(self.document())
        cursor.setPosition(self._starts[index])
        self.setTextCursor(cursor)
        self.ensureCursorVisible()
        self._show_current()

    def refresh_colours(self) -> None:
        """After a change of theme."""
        current = self._current
        self.show_tokens(self._tokens)
        if current >= 0:
            self.choose(current)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        if not event.buttons():
            self._point_at(event.position().toPoint())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)
        self._point_at(event.position().toPoint())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        if event.key() in steps and not event.modifiers() and self._tokens:
            index = min(max(self._current + steps[Qt.Key(event.key())], 0), len(self._tokens) - 1)
            self.choose(index)
            self.chosen.emit(index)
            return
        super().keyPressEvent(event)

    def _point_at(self, where: QPoint) -> None:
        if not self._tokens:
            return
        index = bisect_right(self._starts, self.cursorForPosition(where).position()) - 1
        while index > 0 and self._starts[index] == self._ends[index]:
            index -= 1  # a token without a character of its own
        if 0 <= index != self._current:
            self._current = index
            self._show_current()
            self.chosen.emit(index)

    def _show_current(self) -> None:
        selections = []
        if self._current >= 0:
            mark = QTextEdit.ExtraSelection()
            mark.cursor = QTextCursor(self.document())
            mark.cursor.setPosition(self._starts[self._current])
            mark.cursor.setPosition(self._ends[self._current], QTextCursor.MoveMode.KeepAnchor)
            tokens = theme.current()
            mark.format.setBackground(tokens.colour("accent"))
            mark.format.setForeground(tokens.colour("on_accent"))
            selections.append(mark)
        self.setExtraSelections(selections)


def _form(token: TokenDivergence) -> QTextCharFormat:
    """A place at which the other model would have written something else is underlined: colour never stands alone."""
    form = QTextCharFormat()
    if (colour := ground(token.kl_divergence)) is not None:
        form.setBackground(colour)
    if not token.same_top:
        form.setUnderlineStyle(QTextCharFormat.UnderlineStyle.SingleUnderline)
        form.setUnderlineColor(theme.current().colour("danger"))
    return form
