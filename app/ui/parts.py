"""Small widgets and makers that several pages share, so that they look and behave the same."""

from __future__ import annotations

import html
from collections.abc import Callable

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QFontMetrics, QKeySequence, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QLabel,
    QLayout,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from app.ui import icons, theme

_CHOICE_EDGES_PX = 34
"""Padding and border, as the style sheet gives them to buttons, and what rounding takes."""


class ElidedLabel(QLabel):
    """One line of plain text that shortens itself to its width; the whole text is then its tooltip."""

    def __init__(
        self, text: str = "", role: str = "", elide: Qt.TextElideMode = Qt.TextElideMode.ElideRight
    ) -> None:
        super().__init__()
        self._elide = elide
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setProperty("role", role)
        self.setText(text)

    def minimumSizeHint(self) -> QSize:
        return QSize(QFontMetrics(self.font()).averageCharWidth() * 6, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        shown = self.fontMetrics().elidedText(self.text(), self._elide, self.contentsRect().width())
        if shown != self.text() and not self.toolTip():
            self.setToolTip(plain_tip(self.text()))
        with QPainter(self) as painter:
            painter.setPen(self.palette().color(self.foregroundRole()))
            painter.drawText(self.contentsRect(), self.alignment() | Qt.AlignmentFlag.AlignVCenter, shown)


class Glyph(QWidget):
    """An icon beside text that says the same; decoration, so it cannot be focused or read aloud."""

    def __init__(self, name: str, colour: str = "muted", size_px: int = 20) -> None:
        super().__init__()
        icons.require(name)
        self._name, self._colour = name, colour
        self.setFixedSize(size_px, size_px)

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            icons.paint(painter, self.rect(), self._name, theme.current().colour(self._colour))


class Mark(QWidget):
    """The application's icon; decoration, as Glyph."""

    def __init__(self, size_px: int = 40) -> None:
        super().__init__()
        self.setFixedSize(size_px, size_px)

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            QApplication.windowIcon().paint(painter, self.rect())


def label(text: str = "", role: str = "", *, wrap: bool = False) -> QLabel:
    """A label of plain text; `role` as in the style sheet: title, heading, caption, muted, strong."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setProperty("role", role)
    made.setWordWrap(wrap)
    return made


def card(layout: QLayout, role: str = "card") -> QFrame:
    """A surface with a border around `layout`."""
    frame = QFrame()
    frame.setProperty("role", role)
    frame.setLayout(layout)
    return frame


def button(
    text: str,
    action: Callable[[], object],
    *,
    role: str = "",
    glyph: str = "",
    tip: str = "",
    shortcut: str | QKeySequence.StandardKey | None = None,
) -> QPushButton:
    """A push button; `role`: primary, ghost, danger or none. A shortcut is also told in the tooltip."""
    made = QPushButton(text)
    made.setProperty("role", role)
    made.setAutoDefault(True)  # Enter presses it, too
    made.setCursor(Qt.CursorShape.PointingHandCursor)
    if glyph:
        made.setIcon(icons.icon(glyph, "on_accent" if role == "primary" else "text"))
        made.setIconSize(QSize(24, 18))  # wider than the glyph: the style leaves no gap before the text
    made.clicked.connect(lambda: action())
    made.setToolTip(plain_tip(tip or text))
    if shortcut is not None:
        set_shortcut(made, shortcut)
    return made


def choice(text: str) -> QPushButton:
    """One of several buttons side by side, of which one is on."""
    made = QPushButton(text)
    made.setProperty("role", "choice")
    made.setCheckable(True)
    made.setCursor(Qt.CursorShape.PointingHandCursor)

    # The one that is on is set in bold, of which its size knows nothing.
    def fit() -> None:
        words_px = QFontMetrics(theme.font("body", strong=True)).horizontalAdvance(text)
        made.setMinimumWidth(words_px + _CHOICE_EDGES_PX)

    theme.follow(made, fit)
    return made


def icon_button(glyph: str, name: str, action: Callable[[], object], *, tip: str = "") -> QToolButton:
    """A button that is only an icon; `name` is read aloud and shown as tooltip unless `tip` says more."""
    made = QToolButton()
    made.setProperty("role", "icon")
    made.setIcon(icons.icon(glyph))
    made.setAccessibleName(name)
    made.setToolTip(plain_tip(tip or name))
    made.setCursor(Qt.CursorShape.PointingHandCursor)
    made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    made.clicked.connect(lambda: action())
    return made


def let_clear(field: QLineEdit) -> None:
    """Puts a button into the field that empties it; Qt's own glyph for it cannot be seen in the dark."""
    field.setClearButtonEnabled(True)
    clear = field.findChild(QAction, "_q_qlineeditclearaction")
    if isinstance(clear, QAction):
        clear.setIcon(icons.icon("x-circle"))
        for made in clear.associatedObjects():
            if isinstance(made, QToolButton) and not field.text():
                made.hide()  # which the change of its icon has undone


def set_shortcut(control: QPushButton | QToolButton, keys: str | QKeySequence.StandardKey) -> None:
    """Gives a button a shortcut and says so in its tooltip."""
    sequence = QKeySequence(keys)
    control.setShortcut(sequence)
    control.setToolTip(with_keys(control.toolTip(), sequence))


def with_keys(text: str, sequence: QKeySequence) -> str:
    """`Add folder (Ctrl+O)`, in the platform's way of writing keys."""
    return f"{text} ({sequence.toString(QKeySequence.SequenceFormat.NativeText)})"


def plain_tip(text: str) -> str:
    """A tooltip that shows exactly `text`. For all that comes from files, models, conversations and faults.

    Qt guesses whether a tooltip is rich text, and rich text makes it open the files that images are in. Where
    it could guess so, it gets rich text in which nothing is markup.
    """
    if "<" not in text and "&" not in text:
        return text
    return f'<p style="white-space: pre-wrap">{html.escape(text)}</p>'


def without_mnemonics(text: str) -> str:
    """For menus and buttons that carry a name from elsewhere: `&` would underline the letter behind it."""
    return text.replace("&", "&&").replace("\t", " ")


def empty(layout: QLayout) -> None:
    """Takes everything out of a layout. Hidden at once: what is deleted later would be seen until then."""
    while (item := layout.takeAt(0)) is not None:
        if (widget := item.widget()) is not None:
            widget.hide()
            widget.deleteLater()


def spread() -> QWidget:
    """Takes up the space that is left in a row or column."""
    made = QWidget()
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
    return made
