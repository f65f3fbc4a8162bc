"""Attachments as chips: in the composer, where they can be removed, and in the prompt that was sent with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QSizePolicy, QWidget

from app.chat.attachments import AttachmentHead
from app.core.units import format_bytes
from app.ui.flow import FlowLayout
from app.ui.parts import ElidedLabel, Glyph, empty, icon_button, label, plain_tip

NAME_PX = 190
MOST_HEIGHT_PX = 124
"""Of the chips in the composer: three lines; the rest is scrolled to."""


class AttachmentChip(QFrame):
    """`remove` None: it stays. With it, its button can be reached by keyboard, and Delete does the same."""

    def __init__(
        self,
        name: str,
        details: str,
        tip: str = "",
        *,
        is_warning: bool = False,
        remove: Callable[[], object] | None = None,
    ) -> None:
        super().__init__()
        self.name, self.details = name, details
        self._remove = remove
        self.setProperty("role", "attachment")
        self.setAccessibleName(f"{name}, {details}")
        self.setToolTip(plain_tip(tip or name))
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 0 if remove else 4, 2 if remove else 10, 0 if remove else 4)
        row.setSpacing(8)
        glyph = "warning" if is_warning else "file-pdf" if name.lower().endswith(".pdf") else "file-text"
        row.addWidget(Glyph(glyph, "warning" if is_warning else "muted", 16))
        words = ElidedLabel(name, elide=Qt.TextElideMode.ElideMiddle)
        words.setMaximumWidth(NAME_PX)
        row.addWidget(words)
        row.addWidget(label(details, "caption"))
        if remove is not None:
            self.button = icon_button("x", _tr("Remove {name}").format(name=name), remove)
            row.addWidget(self.button)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self._remove is not None and event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self._remove()
        else:
            super().keyPressEvent(event)


class ChipRow(QWidget):
    """As many lines of chips as they need; hidden without any."""

    def __init__(self, parent: QWidget | None = None, *, to_right: bool = False) -> None:
        super().__init__(parent)
        self._flow = FlowLayout(to_right=to_right)
        self.setLayout(self._flow)
        self.setAccessibleName(_tr("Attachments"))
        self.hide()

    def chips(self) -> list[AttachmentChip]:
        items = (self._flow.itemAt(number) for number in range(self._flow.count()))
        widgets = (item.widget() for item in items if item is not None)
        return [widget for widget in widgets if isinstance(widget, AttachmentChip)]

    def show_chips(self, chips: Sequence[AttachmentChip]) -> None:
        """In the place of those that are shown."""
        empty(self._flow)
        for chip in chips:
            self._flow.addWidget(chip)
            chip.show()
        self.setVisible(bool(chips))
        self.updateGeometry()


class ScrolledChips(QScrollArea):
    """A row of chips in no more than a few lines; hidden with the row."""

    def __init__(self, row: ChipRow) -> None:
        super().__init__()
        self._row = row
        self.setWidget(row)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.viewport().setAutoFillBackground(False)
        row.setAutoFillBackground(False)
        self.hide()

    def fit(self) -> None:
        """The row's chips are others."""
        self.setVisible(bool(self._row.chips()))
        self._settle()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._settle()

    def focus_on(self, chip: AttachmentChip) -> None:
        chip.button.setFocus()
        self.ensureWidgetVisible(chip)

    def _settle(self) -> None:
        needed = self._row.heightForWidth(max(self.viewport().width(), 1))
        self.setFixedHeight(min(max(needed, 1), MOST_HEIGHT_PX))


def sent_chips(heads: Sequence[AttachmentHead], parent: QWidget) -> ChipRow:
    """What a prompt was sent with. Without a parent it would be a window of its own when its chips are shown."""
    row = ChipRow(parent, to_right=True)
    row.show_chips([_sent_chip(head) for head in heads])
    return row


def _sent_chip(head: AttachmentHead) -> AttachmentChip:
    size = format_bytes(head.size_bytes)
    details = size if head.tokens is None else f"{size} · {count_words(head.tokens)}"
    return AttachmentChip(
        head.name, details, "\n".join(filter(None, (head.name, head.remark))), is_warning=bool(head.remark)
    )


def count_words(tokens: int, *, is_exact: bool = True) -> str:
    """`1,204 tokens`, `about 1,204 tokens`"""
    if not is_exact:
        return _tr("about {n:,} tokens").format(n=tokens)
    return _tr("1 token") if tokens == 1 else _tr("{n:,} tokens").format(n=tokens)


def _tr(text: str) -> str:
    return QCoreApplication.translate("ChatPage", text)
