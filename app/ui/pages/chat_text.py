"""Prose: the text of one message. Plain while it grows, Markdown when it is whole."""

from __future__ import annotations

import math
from collections.abc import Iterator

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QTextBlockFormat, QTextCursor, QWheelEvent
from PySide6.QtWidgets import QFrame, QSizePolicy, QTextBrowser

from app.ui import theme
from app.ui.pages.chat_markdown import SealedDocument, airy, is_tame, markdown_document

LONG_LINE, LONGEST_LINE = 1_500, 2_000
"""Plain lines get an end after so many letters: at the next space, or anywhere."""

_SCROLLING_KEYS = (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown, Qt.Key.Key_Home, Qt.Key.Key_End)


class Prose(QTextBrowser):
    """As high as its text; scrolls with what it lies in. `link_asked` carries the address of a clicked link."""

    link_asked = Signal(str)

    def __init__(self, name: str) -> None:
        super().__init__()
        self._text = ""
        self._is_markdown = False
        self._theme = ""
        self._line_length = 0
        self.setAccessibleName(name)
        self.setProperty("role", "prose")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextBrowserInteraction | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.setOpenLinks(False)
        self.setOpenExternalLinks(False)
        self.anchorClicked.connect(lambda url: self.link_asked.emit(url.toString()))
        self.show_plain("")

    @property
    def text(self) -> str:
        """As it was given, however it is shown."""
        return self._text

    def show_plain(self, text: str) -> None:
        """Starts again with `text`, letter by letter."""
        self._text, self._is_markdown, self._line_length = "", False, 0
        document = SealedDocument(self)
        QTextCursor(document).setBlockFormat(airy(QTextBlockFormat()))
        self._adopt(document)
        self.append_plain(text)

    def append_plain(self, text: str) -> None:
        """Adds to the end; costs the same however long the text before is."""
        self._text += text
        cursor = QTextCursor(self.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.beginEditBlock()
        for piece in self._pieces(text):
            if piece == "\n":
                cursor.insertBlock()
            else:
                cursor.insertText(piece)
        cursor.endEditBlock()

    def show_markdown(self, text: str) -> None:
        """Shows `text` as Markdown, or plain where laying it out would take too long."""
        if not is_tame(text):
            self.show_plain(text)
            return
        self._text, self._is_markdown = text, True
        self._adopt(markdown_document(text, self))

    def sizeHint(self) -> QSize:
        return QSize(320, self.height())

    def minimumSizeHint(self) -> QSize:
        return QSize(64, self.height())

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        # Colours are part of the document, so that another theme needs another one.
        if (
            event.type() is QEvent.Type.PaletteChange
            and self._is_markdown
            and self._theme != theme.current().name
        ):
            self.show_markdown(self._text)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        by_keys = event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
        self._mark_focus("keys" if by_keys else "")

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._mark_focus("")

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in _SCROLLING_KEYS:
            event.ignore()
        else:
            super().keyPressEvent(event)

    def _pieces(self, text: str) -> Iterator[str]:
        """`text` cut at its line ends, and lines without an end into several.

        Qt lays out a line as one, and again with every letter that is added to it.
        """
        for number, line in enumerate(text.split("\n")):
            if number:
                self._line_length = 0
                yield "\n"
            start = 0
            while start < len(line):
                is_long = self._line_length >= LONG_LINE
                piece = line[start : start + self._room(line, start)]
                start += len(piece)
                self._line_length += len(piece)
                yield piece
                if is_long and (piece.endswith(" ") or self._line_length >= LONGEST_LINE):
                    self._line_length = 0
                    yield "\n"

    def _room(self, line: str, start: int) -> int:
        """How many letters of `line` from `start` on go into the line that is shown last."""
        if self._line_length < LONG_LINE:
            return LONG_LINE - self._line_length
        room = LONGEST_LINE - self._line_length
        space = line.find(" ", start, start + room)
        return room if space < 0 else space + 1 - start

    def _adopt(self, document: SealedDocument) -> None:
        old = self.document()
        self.setDocument(document)
        if isinstance(old, SealedDocument):
            old.deleteLater()
        self._theme = theme.current().name
        document.documentLayout().documentSizeChanged.connect(self._fit)
        self._fit()

    def _fit(self) -> None:
        around = self.height() - self.viewport().height()
        self.setFixedHeight(math.ceil(self.document().size().height()) + max(around, 0))

    def _mark_focus(self, mark: str) -> None:
        if (self.property("marked") or "") != mark:
            self.setProperty("marked", mark)
            self.style().polish(self)
