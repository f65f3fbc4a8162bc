"""Prose: the text of one message, as Markdown also while it grows, or letter by letter."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QMimeData, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QFrame, QSizePolicy, QTextBrowser

from app.ui import theme
from app.ui.prose.code_heads import CopyButtons, paint_behind, shown_runs
from app.ui.prose.copying import selected_text
from app.ui.prose.sealed import SealedDocument

if TYPE_CHECKING:  # the parser is loaded with the first text: the window opens without it
    from app.ui.prose.blocks import Block
    from app.ui.prose.formulas import FormulaWriter
    from app.ui.prose.writer import CodeRun, Writer

FIRST_SLICE, SLICE = 2_000, 1_000
"""Characters that are laid out at once, whatever that takes."""
SLICE_LINES = 50
"""No more of them either: each may be an item of a list, or a heading."""
SLICE_S = 0.008
"""Then as many more as there is time for. The rest waits until the window has done what else there was."""
REST = 8.0
"""Laying out an open block again waits for so many times as long as it took the last time."""

_SCROLLING_KEYS = (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown, Qt.Key.Key_Home, Qt.Key.Key_End)


def load_reader() -> None:
    """Loads what the first text needs, some 100 ms of the processor, while nobody waits for it."""
    import pygments.lexers  # noqa: F401

    import app.ui.prose.formulas
    import app.ui.prose.highlight
    import app.ui.prose.writer  # noqa: F401


class Prose(QTextBrowser):
    """As high as its text; scrolls with what it lies in. `link_asked` carries the address of a clicked link."""

    link_asked = Signal(str)

    def __init__(self, name: str) -> None:
        super().__init__()
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
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._go_on)
        self._copy_buttons = CopyButtons(self)
        self._is_whole = self._is_fresh = False
        self._formulas: FormulaWriter | None = None
        self._writer: Writer | None = None
        self._text, self._unread, self._theme, self._is_markdown = "", "", theme.current().looks, False
        self._fit()

    @property
    def text(self) -> str:
        """As it was given, however it is shown."""
        return self._text

    @property
    def is_reading(self) -> bool:
        """Whether some of the text is not shown yet."""
        return bool(self._unread)

    def show_plain(self, text: str) -> None:
        """Starts again with `text`, letter by letter."""
        from app.ui.prose.blocks import plain

        self._begin(is_markdown=False)
        self._text = text
        self._write([plain(text)], None)

    def show_markdown(self, text: str) -> None:
        """Shows `text`, which is whole. What has been appended before is kept where it is the beginning of it."""
        if not (self._is_markdown and not self._is_whole and text.startswith(self._text)):
            self._begin(is_markdown=True)
        self._is_whole = True
        self._unread += text[len(self._text) :]
        self._text = text
        self._read()

    def last_code(self) -> str | None:
        """The last piece of code in it, as the model wrote it."""
        return self._code_runs[-1].text if self._code_runs else None

    def prepare(self) -> None:
        """For `append`, before its first text comes."""
        if not self._text:
            self._begin(is_markdown=True)

    def append(self, text: str) -> None:
        """More of a Markdown text that comes in pieces; costs the same however long the text before is."""
        if not self._is_markdown or self._is_whole:
            self._begin(is_markdown=True)
        self._text += text
        self._unread += text
        if not self._soon.isActive():
            self._read()

    def sizeHint(self) -> QSize:
        return QSize(320, self.height())

    def minimumSizeHint(self) -> QSize:
        return QSize(64, self.height())

    # Reading and writing

    @property
    def _code_runs(self) -> list[CodeRun]:
        return self._writer.code_runs if self._writer is not None else []

    def _begin(self, *, is_markdown: bool, references: dict[str, object] | None = None) -> None:
        from app.ui.prose.blocks import Splitter
        from app.ui.prose.formulas import FormulaWriter
        from app.ui.prose.highlight import Highlighter
        from app.ui.prose.writer import Writer

        self._soon.stop()
        self._text = self._unread = ""
        self._is_markdown, self._is_whole, self._is_reread = is_markdown, False, references is not None
        self._theme = theme.current().looks
        self._splitter = Splitter(references)
        if self._is_fresh:
            return
        self._is_fresh = True
        old = self.document()
        if self._formulas is not None:
            self._formulas.stop()
        document = SealedDocument(self)
        self._formulas = FormulaWriter(document)
        self._writer = Writer(document, self._formulas)
        self._highlighter = Highlighter(document)
        # Qt looks at what was marked before when something else is: in a document that is gone, that ends the process.
        self.setExtraSelections([])
        self.setDocument(document)
        if isinstance(old, SealedDocument):
            old.deleteLater()
        document.documentLayout().documentSizeChanged.connect(self._fit)
        self._fit()

    def _read(self) -> None:
        """Reads and shows what there is time for, and the rest later."""
        started = time.perf_counter()
        took_s, size = 0.0, FIRST_SLICE if self.document().isEmpty() else SLICE
        while took_s == 0.0 or (self._unread and took_s < SLICE_S):
            piece = _first_lines(self._unread[:size])
            self._unread = self._unread[len(piece) :]
            step = self._splitter.feed(piece)
            finished, still_open = step.finished, step.open
            if self._is_whole and not self._unread:
                finished, still_open = finished + self._splitter.finish().finished, None
            self._write(finished, still_open)
            took_s = time.perf_counter() - started
        if self._unread:
            self._soon.start(0)
        elif self._is_whole:
            self._soon.start(0)  # colours
            self._reread_for_references()
        else:
            self._soon.start(round(took_s * REST * 1000))

    def _go_on(self) -> None:
        if self._unread:
            self._read()
        elif self._highlighter.work(self._code_runs):
            self._soon.start(0 if self._is_whole else 20)

    def _write(self, finished: list[Block], still_open: Block | None) -> None:
        assert self._writer is not None
        code_before = len(self._code_runs) - 1
        self._is_fresh = False
        self._writer.write(finished, still_open)
        self._highlighter.forget_from(min(len(self._code_runs), max(code_before, 0) + 1))

    def _reread_for_references(self) -> None:
        """Links whose address came after them have been read as text."""
        known, text = self._splitter.references, self._text
        if known and not self._is_reread:
            self._begin(is_markdown=True, references=known)
            self._is_whole = True
            self._text = self._unread = text
            self._read()

    # Events

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        # Colours and sizes are part of the document, so that another theme or zoom needs another one. A palette comes
        # with each, before the style; only with the style have the fonts changed.
        is_other = event.type() is QEvent.Type.StyleChange and self._theme != theme.current().looks
        if is_other and self._writer is not None:
            self._is_fresh = False
            text, is_whole = self._text, self._is_whole
            if not self._is_markdown:
                self.show_plain(text)
                return
            self._begin(is_markdown=True)
            self._is_whole = is_whole
            self._text = self._unread = text
            self._read()

    def paintEvent(self, event: QPaintEvent) -> None:
        runs, seen = self._code_runs, QRectF(event.rect())
        with QPainter(self.viewport()) as painter:
            paint_behind(painter, self.document(), runs, seen)
        super().paintEvent(event)
        if runs:
            QTimer.singleShot(0, self, self._place_buttons)

    def createMimeDataFromSelection(self) -> QMimeData:
        data = QMimeData()
        data.setText(selected_text(self.textCursor()))
        return data

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

    def _place_buttons(self) -> None:
        runs = self._code_runs
        seen = QRectF(self.viewport().visibleRegion().boundingRect())
        self._copy_buttons.place(runs, list(shown_runs(self.document(), runs, seen)))

    def _fit(self) -> None:
        around = self.height() - self.viewport().height()
        self.setFixedHeight(math.ceil(self.document().size().height()) + max(around, 0))

    def _mark_focus(self, mark: str) -> None:
        if (self.property("marked") or "") != mark:
            self.setProperty("marked", mark)
            self.style().polish(self)


def _first_lines(text: str) -> str:
    end = -1
    for _ in range(SLICE_LINES):
        end = text.find("\n", end + 1)
        if end < 0:
            return text
    return text[: end + 1]
