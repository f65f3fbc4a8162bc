"""The text of an answer in a pane, as Chat shows it, with a mark where it parts from the others."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QRect, QTimer, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QTextCursor
from PySide6.QtWidgets import QHBoxLayout, QTextEdit, QWidget

from app.ui import theme
from app.ui.pages.chat_text import Prose
from app.ui.pages.compare_places import place_in, places_in, utf16_length, word_at

GUTTER_PX = 12
MARK_PX = 3
MOST_MARKS = 400
"""Places that are marked in one answer; where more differ, nearly all does, and the line beside it says so."""


def clean(text: str) -> str:
    """As it is compared: systems write the ends of lines in different ways."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")


class AnswerView(QWidget):
    """Grows with its text; the pane around it scrolls. `link_asked`: an address in it was clicked."""

    link_asked = Signal(str)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.prose = Prose(name)
        self.prose.link_asked.connect(self.link_asked)
        self.prose.textChanged.connect(self._text_changed)
        self._difference: int | None = None
        self._words: Sequence[tuple[int, int]] = ()
        self._tops: list[QTextCursor] = []
        self._marked_at = QTextCursor()
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._mark)
        row = QHBoxLayout(self)
        row.setContentsMargins(GUTTER_PX, 0, 0, 0)
        row.addWidget(self.prose)

    @property
    def text(self) -> str:
        return self.prose.text

    def append_text(self, text: str) -> None:
        """Adds to the end; costs the same however long the text before is."""
        self.prose.append(clean(text))

    def set_text(self, text: str) -> None:
        """The whole answer."""
        self.prose.show_markdown(clean(text))

    @property
    def difference(self) -> int | None:
        """Where this answer parts from the others, in characters of its text; None where it does not."""
        return self._difference

    def mark_difference(self, at: int | None, words: Sequence[tuple[int, int]] = ()) -> None:
        """`words`: all that differ, as (start, end) in characters of the text; the first of them alone while that is
        not known yet."""
        self._difference, self._words = at, words[:MOST_MARKS]
        self._mark()

    @property
    def differences(self) -> int:
        """How many places are marked."""
        return len(self._tops)

    def difference_rect(self, number: int = 0) -> QRect:
        """The place of a difference, in coordinates of this widget."""
        marked = self._tops[min(number, len(self._tops) - 1)] if self._tops and number else self._marked_at
        rect = self.prose.cursorRect(marked)
        return rect.translated(self.prose.viewport().mapTo(self, QPoint(0, 0)))

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._difference is not None and not self._marked_at.isNull():
            top = self.difference_rect().top()
            with QPainter(self) as painter:
                painter.fillRect(0, top, MARK_PX, self.height() - top, theme.current().colour("accent"))

    def refresh_colours(self) -> None:
        """After a change of theme."""
        self._mark()

    def _text_changed(self) -> None:
        """A long answer is laid out after it has ended; another theme makes another document."""
        if self._difference is not None:
            self._soon.start()

    def _mark(self) -> None:
        selections = []
        self._tops = []
        if self._difference is not None:
            # Places in it are those of the document: what stands for several characters is one.
            shown = self.prose.document().toRawText()
            start, end = word_at(shown, place_in(shown, self.text, self._difference))
            selections = [self._marked(shown, *span) for span in self._spans(shown) or [(start, end)]]
            self._tops = [QTextCursor(each.cursor) for each in selections]
            for top in self._tops:
                top.setPosition(top.selectionStart())
            self._marked_at = QTextCursor(self._tops[0])
        self.prose.setExtraSelections(selections)
        self.update()

    def _spans(self, shown: str) -> list[tuple[int, int]]:
        """Of all words that differ, in what is shown."""
        ends = sorted({place for start, end in self._words for place in (start, end - 1)})
        places = dict(zip(ends, places_in(shown, self.text, ends), strict=True))
        spans = [(places[start], places[end - 1] + 1) for start, end in self._words]
        return [(start, end) for start, end in spans if start < end <= len(shown)]

    def _marked(self, shown: str, start: int, end: int) -> QTextEdit.ExtraSelection:
        cursor = QTextCursor(self.prose.document())
        cursor.setPosition(utf16_length(shown[:start]))
        cursor.setPosition(utf16_length(shown[:end]), QTextCursor.MoveMode.KeepAnchor)
        tokens = theme.current()
        selection = QTextEdit.ExtraSelection()
        selection.cursor = cursor
        selection.format.setBackground(tokens.colour("accent_soft"))
        selection.format.setForeground(tokens.colour("on_accent_soft"))
        selection.format.setFontUnderline(True)
        return selection


def scroll_margin(widget: QWidget) -> int:
    """How far below the edge a place that is jumped to is put: some lines of what comes before it."""
    return widget.fontMetrics().lineSpacing() * 3
