"""Where a person writes: a field that grows with the text, what is attached, and the button that sends or stops."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QStandardPaths, Qt, Signal
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.ui import icons
from app.ui.pages.chat_attaching import Attaching, Entry
from app.ui.pages.chat_chips import AttachmentChip, ChipRow, ScrolledChips, count_words
from app.ui.pages.chat_message_field import MessageField
from app.ui.pages.chat_too_long import TooLongPanel
from app.ui.parts import ElidedLabel, button, icon_button, label, plain_tip, set_shortcut, with_keys

MOST_LINES = 8
MOST_TO_EDIT = 200_000
"""Characters of a pasted text that can be put into the field after all."""


class Composer(QWidget):
    """`send_asked` carries the text, which stays in the field until `clear`: what fails must not lose it."""

    send_asked = Signal(str)
    stop_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._busy = False
        self._stopping = False
        self._why_not = ""
        self._folder = ""
        self.attaching = Attaching(self)
        self.attaching.changed.connect(self._show_attachments)
        self.chips = ChipRow()
        self._scrolled = ScrolledChips(self.chips)
        self.too_long = TooLongPanel()
        self.field = MessageField(MOST_LINES)
        self.field.setAccessibleName(self.tr("Message"))
        self.field.setPlaceholderText(self.tr("Write a message"))
        self.field.entered.connect(self.send)
        self.field.textChanged.connect(self._settle)
        self.field.files_pasted.connect(self.attaching.add_files)
        self.field.long_text_pasted.connect(self.attaching.add_text)
        self.attach_button = icon_button(
            "paperclip",
            self.tr("Attach files"),
            self.pick_files,
            tip=self.tr("Attach text, code, tables or PDF files"),
        )
        set_shortcut(self.attach_button, "Ctrl+Shift+A")
        self.send_button = button(
            self.tr("Send"),
            self.send,
            role="primary",
            glyph="paper-plane-right",
            tip=with_keys(self.tr("Send the message"), QKeySequence("Return")),
        )
        self.stop_button = button(
            self.tr("Stop"),
            self.stop,
            glyph="stop",
            tip=with_keys(self.tr("Stop; what has arrived stays"), QKeySequence("Esc")),
        )
        self._hint = ElidedLabel("", "caption")
        self._room = label("", "caption")
        self._unpaste = button(
            self.tr("Put pasted text into the message"), self._put_into_field, role="ghost"
        )
        self._lay_out()
        self._settle()

    def _lay_out(self) -> None:
        self._frame = QFrame()
        self._frame.setProperty("role", "composer")
        self.field.installEventFilter(self)
        below = QHBoxLayout()
        below.setContentsMargins(0, 0, 0, 0)
        below.setSpacing(8)
        below.addWidget(self.attach_button)
        below.addWidget(self._hint, 1)
        below.addWidget(self._room)
        below.addWidget(self.stop_button)
        below.addWidget(self.send_button)
        inside = QVBoxLayout(self._frame)
        inside.setContentsMargins(8, 12, 8, 8)
        inside.setSpacing(8)
        inside.addWidget(self.too_long)
        inside.addWidget(self._scrolled)
        inside.addWidget(self._unpaste, 0, Qt.AlignmentFlag.AlignLeft)
        beside = QHBoxLayout()
        beside.setContentsMargins(8, 0, 0, 0)
        beside.addWidget(self.field)
        inside.addLayout(beside)
        inside.addLayout(below)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._frame)
        self._unpaste.hide()
        self._room.hide()

    @property
    def text(self) -> str:
        return self.field.toPlainText()

    def set_text(self, text: str) -> None:
        self.field.setPlainText(text)
        self.field.moveCursor(self.field.textCursor().MoveOperation.End)

    def clear(self) -> None:
        self.field.clear()
        self.attaching.clear()

    def set_state(self, busy: bool, why_not: str = "") -> None:
        """`busy`: Stop instead of Send. `why_not`: why nothing can be sent now; empty: it can."""
        # A button that goes takes the focus along, to wherever.
        had_focus = self.send_button.hasFocus() or self.stop_button.hasFocus()
        self._busy, self._why_not = busy, why_not
        self._stopping = self._stopping and busy
        self._settle()
        if had_focus:
            self.field.setFocus()

    def show_room(self, words: str, explanation: str = "") -> None:
        """What the message takes of the context."""
        self._room.setText(words)
        self._room.setToolTip(plain_tip(explanation))
        self._room.setVisible(bool(words))

    def send(self) -> None:
        if self.send_button.isEnabled() and not self._busy:
            self.send_asked.emit(self.text)

    def stop(self) -> None:
        """Asks for the end of what is going on, where something is."""
        if self._busy:
            self._stopping = True
            self._settle()
        self.stop_asked.emit()

    def pick_files(self) -> None:
        home = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
        names, _ = QFileDialog.getOpenFileNames(self, self.tr("Attach files"), self._folder or home)
        if names:
            self._folder = str(Path(names[0]).parent)
            self.attaching.add_files([Path(name) for name in names])
        self.field.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.field and event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            self._frame.setProperty("lit", "yes" if event.type() is QEvent.Type.FocusIn else "")
            self._frame.style().polish(self._frame)
        return super().eventFilter(watched, event)

    def _show_attachments(self) -> None:
        had_focus = self.chips.isAncestorOf(self.focusWidget()) if self.focusWidget() else False
        self.chips.show_chips([self._chip(entry) for entry in self.attaching.entries])
        self._scrolled.fit()
        self._unpaste.setVisible(self._last_pasted() is not None)
        self._settle()
        if had_focus:
            left = self.chips.chips()
            if left:
                self._scrolled.focus_on(left[-1])
            else:
                self.field.setFocus()

    def _chip(self, entry: Entry) -> AttachmentChip:
        if entry.attachment is None:
            progress = entry.progress
            details = self.tr("reading…")
            if progress is not None and progress.total:
                details = self.tr("page {done:,} of {total:,}").format(
                    done=round(progress.done), total=round(progress.total)
                )
            tip, is_warning = entry.name, False
        else:
            details = count_words(entry.tokens, is_exact=entry.is_exact)
            remark = entry.attachment.head.remark
            tip, is_warning = "\n".join(filter(None, (entry.name, remark))), bool(remark)
        return AttachmentChip(
            entry.name,
            details,
            tip,
            is_warning=is_warning,
            remove=lambda: self.attaching.remove(entry.number),
        )

    def _last_pasted(self) -> Entry | None:
        pasted = (entry for entry in reversed(self.attaching.entries) if entry.pasted)
        return next((entry for entry in pasted if len(entry.pasted) <= MOST_TO_EDIT), None)

    def _put_into_field(self) -> None:
        entry = self._last_pasted()
        if entry is not None:
            self.attaching.remove(entry.number)
            self.field.insertPlainText(entry.pasted)
            self.field.setFocus()

    def _settle(self) -> None:
        self.send_button.setVisible(not self._busy)
        self.stop_button.setVisible(self._busy)
        has_content = bool(self.text.strip()) or bool(self.attaching.entries)
        sendable = has_content and not self._why_not and not self.attaching.is_reading
        self.send_button.setEnabled(sendable)
        self.send_button.setIcon(icons.icon("paper-plane-right", "on_accent" if sendable else "muted"))
        self.stop_button.setEnabled(not self._stopping)
        if self._stopping:
            keys = self.tr("Stopping…")
        elif self._busy:
            keys = self.tr("Esc stops; what has arrived stays")
        else:
            keys = self.tr("Enter sends, Shift+Enter starts a new line")
        self._hint.setText(self._why_not or keys)
