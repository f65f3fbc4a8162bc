"""The text of an answer, as high as it is long, with a mark where it parts from the others."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import (
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QTextBlockFormat,
    QTextCursor,
    QTextOption,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QSizePolicy, QTextEdit, QWidget

from app.ui import theme

GUTTER_PX = 12
LINE_HEIGHT = 135.0
WIDE_PX = 400
"""From here on there is room for text of the size it has in a chat."""

SCROLLING_KEYS = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)


def clean(text: str) -> str:
    """As it is shown, so that positions mean the same in the text and on the screen."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")


class AnswerView(QTextEdit):
    """Grows with its text; the pane around it scrolls."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setProperty("role", "answer")
        self.setAccessibleName(name)
        self.setReadOnly(True)
        self.setAcceptRichText(False)
        self.setUndoRedoEnabled(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.setTabChangesFocus(True)
        self._text = ""
        self._height = 0
        self._difference: int | None = None
        self._start_document()
        self.document().documentLayout().documentSizeChanged.connect(self._fit)
        self._fit()

    @property
    def text(self) -> str:
        return self._text

    def append_text(self, text: str) -> None:
        """Adds to the end; costs the same however long the text before is."""
        text = clean(text)
        self._text += text
        cursor = QTextCursor(self.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText(text)

    def set_text(self, text: str) -> None:
        """The whole answer; nothing happens where it is shown already."""
        text = clean(text)
        if text == self._text:
            return
        self._text = text
        self.setPlainText(text)
        self._start_document()

    @property
    def difference(self) -> int | None:
        """Where this answer parts from the others, in characters; None where it does not."""
        return self._difference

    def mark_difference(self, at: int | None) -> None:
        self._difference = at
        self.setExtraSelections([] if at is None else [self._first_different_word(at)])
        self.viewport().update()

    def difference_rect(self) -> QRect:
        """The place of the difference, in coordinates of this widget."""
        rect = self.cursorRect(self._cursor_at(self._difference or 0))
        return rect.translated(self.viewport().mapTo(self, QPoint(0, 0)))

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._difference is None:
            return
        top = self.cursorRect(self._cursor_at(self._difference)).top()
        bottom = self.viewport().height()
        with QPainter(self.viewport()) as painter:
            painter.fillRect(0, top, 3, bottom - top, theme.current().colour("accent"))

    def sizeHint(self) -> QSize:
        return QSize(240, self._height)

    def minimumSizeHint(self) -> QSize:
        return QSize(80, self._height)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        font = theme.font("prose" if self.width() >= WIDE_PX else "body")
        if font != self.document().defaultFont():
            self.document().setDefaultFont(font)
        self._fit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in SCROLLING_KEYS and not event.modifiers():
            event.ignore()
            return
        super().keyPressEvent(event)

    def refresh_colours(self) -> None:
        """After a change of theme."""
        self.mark_difference(self._difference)

    def _start_document(self) -> None:
        self.document().setDocumentMargin(0)
        frame = self.document().rootFrame()
        form = frame.frameFormat()
        form.setLeftMargin(GUTTER_PX)
        frame.setFrameFormat(form)
        airy = QTextBlockFormat()
        airy.setLineHeight(LINE_HEIGHT, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        cursor = QTextCursor(self.document())
        cursor.select(QTextCursor.SelectionType.Document)
        cursor.mergeBlockFormat(airy)

    def _fit(self) -> None:
        # One pixel more than the layout says: it rounds down, and the last line's descenders would be cut.
        self.setFixedHeight(
            max(int(self.document().size().height()) + 1, self.fontMetrics().lineSpacing() + 1)
        )

    def _first_different_word(self, at: int) -> QTextEdit.ExtraSelection:
        end = at
        while end < len(self._text) and self._text[end].isspace():
            end += 1
        while end < len(self._text) and not self._text[end].isspace():
            end += 1
        cursor = self._cursor_at(at)
        cursor.setPosition(_utf16_length(self._text[:end]), QTextCursor.MoveMode.KeepAnchor)
        tokens = theme.current()
        selection = QTextEdit.ExtraSelection()
        selection.cursor = cursor
        selection.format.setBackground(tokens.colour("accent_soft"))
        selection.format.setForeground(tokens.colour("on_accent_soft"))
        selection.format.setFontUnderline(True)
        return selection

    def _cursor_at(self, character: int) -> QTextCursor:
        cursor = QTextCursor(self.document())
        cursor.setPosition(_utf16_length(self._text[:character]))
        return cursor


def _utf16_length(text: str) -> int:
    """Qt counts in UTF-16, Python in code points."""
    return len(text) + sum(character > "\uffff" for character in text)


def scroll_margin(widget: QWidget) -> int:
    """How far below the edge a place that is jumped to is put: some lines of what comes before it."""
    return widget.fontMetrics().lineSpacing() * 3
