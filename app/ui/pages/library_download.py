"""One download in the Library: how far it is, what has become of it, and the buttons for what can be done."""

from __future__ import annotations

import re
from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, QPoint, Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QToolButton,
    QVBoxLayout,
)

from app.core.units import format_bytes
from app.ui import icons
from app.ui.download_wishes import QueueEntry
from app.ui.download_words import describe, describe_files
from app.ui.downloads import Downloads
from app.ui.parts import ElidedLabel, Glyph, button, icon_button, label, plain_tip

_ADDRESS = re.compile(r"https?://[^\s,;]+")
MOST_FILES = 12
"""Named in the list of a download's files; a model may come in a hundred."""

_GLYPHS = {
    "waiting": ("download-simple", "accent"),
    "paused": ("pause-circle", "muted"),
    "failed": ("warning-circle", "danger"),
    "done": ("check-circle", "good"),
}


class DownloadRow(QFrame):
    """`chat_asked` carries the file that has come, `make_asked` the QueueEntry of a checkpoint that has come and where
    a menu may open, `page_asked` an address that is to be opened in a browser."""

    chat_asked = Signal(object)
    make_asked = Signal(object, QPoint)
    page_asked = Signal(str)

    def __init__(self, entry: QueueEntry, downloads: Downloads) -> None:
        super().__init__()
        self._entry = entry
        self._downloads = downloads
        self._is_alone = True
        self._is_brief = False
        self._is_unfolded = False
        self._glyphs = {state: Glyph(*look, 24) for state, look in _GLYPHS.items()}
        self._make_words()
        self._make_buttons()
        self._lay_out()
        self.show_entry(entry)

    @property
    def entry(self) -> QueueEntry:
        return self._entry

    @property
    def controls(self) -> list[QAbstractButton]:
        """From left to right, those that are hidden too."""
        starts = (self._open, self._again, self._chat, self._make, self._why, self._more)
        line = (self._up, self._down, self._pause, self._resume, self._cancel, self._dismiss)
        return [*starts, *line, self._keep, self._lose]

    def show_entry(self, entry: QueueEntry) -> None:
        self._entry = entry
        download, state = entry.download, entry.state
        for each, glyph in self._glyphs.items():
            glyph.setVisible(each == state)
        self._told.setText(describe(entry))
        self._told.setToolTip("")
        self._bar.setVisible(
            state in ("waiting", "paused") and (entry.received_bytes > 0 or download.is_running)
        )
        self._bar.setValue(1000 * entry.received_bytes // download.size if download.size else 0)
        self._fault.setText(download.fault)
        self._hint.setText(download.hint)
        if state == "waiting" and download.fault:
            self._hint.setText(_tr("{hint} Nibble asks again by itself.").format(hint=download.hint))
        self._show_fault()
        self._show_files()
        self._show_buttons()
        self.setAccessibleName(
            f"{download.title}. {describe(entry)}. {download.fault} {download.hint}".strip()
        )

    @property
    def _page(self) -> str:
        """Where the hint says that something is to be done; empty where it names no page."""
        found = _ADDRESS.search(self._entry.download.hint)
        return found[0].rstrip(".") if found else ""

    def show_place(self, *, is_first: bool, is_last: bool) -> None:
        """Among those that are still to come."""
        self._up.setEnabled(not is_first)
        self._down.setEnabled(not is_last)
        self._is_alone = is_first and is_last
        self._show_buttons()

    def set_brief(self, is_brief: bool) -> None:
        """What it has failed with takes one line, and all of them where they are asked for."""
        self._is_brief = is_brief
        self._show_fault()
        self._show_buttons()

    def ask_to_cancel(self) -> None:
        """Says what would be lost, where anything would; else nothing needs asking."""
        received = self._entry.received_bytes
        if not received:
            self._downloads.cancel(self._entry.id)
            return
        self._lost.setText(
            _tr("Cancel this download? What has arrived, {size}, will be deleted.").format(
                size=format_bytes(received)
            )
        )
        self._question.show()
        self._keep.setFocus()

    # Building

    def _make_words(self) -> None:
        title = self._entry.download.title
        self._title = ElidedLabel(title, "strong")
        self._title.setToolTip(plain_tip(f"{title}\n{self._entry.download.repository}"))
        self._told = ElidedLabel("", "caption")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 1000)
        self._bar.setAccessibleName(title)
        self._fault = _selectable("")
        self._hint = _selectable("muted")
        self._fault_line = ElidedLabel("")
        self._files = _selectable("caption")
        self._files.hide()

    def _make_buttons(self) -> None:
        title, downloads, id = self._entry.download.title, self._downloads, self._entry.id
        self._chat = button(_tr("Chat"), lambda: self.chat_asked.emit(self._entry.path), glyph="chat-circle")
        self._make = button(
            _tr("Make…"),
            self._ask_to_make,
            glyph="arrows-in-simple",
            tip=_tr("Make a model of this checkpoint, in a type that you choose"),
        )
        self._open = button(
            _tr("Open page"),
            lambda: self.page_asked.emit(self._page),
            glyph="arrow-square-out",
            tip=_tr("Opens it in your browser, after asking"),
        )
        self._again = button(_tr("Try again"), lambda: downloads.resume(id), glyph="arrow-clockwise")

        def small(glyph: str, name: str, act: Callable[[], object], tip: str) -> QToolButton:
            return icon_button(glyph, f"{name}: {title}", act, tip=tip)

        name = _tr("Show why")
        self._why = small("caret-down", name, self._toggle_fault, name)
        name = _tr("Show the files")
        self._more = small("caret-down", name, self._toggle_files, name)
        name = _tr("Earlier in the queue")
        self._up = small("arrow-up", name, lambda: downloads.move(id, -1), name)
        name = _tr("Later in the queue")
        self._down = small("arrow-down", name, lambda: downloads.move(id, 1), name)
        name = _tr("Pause")
        self._pause = small("pause", name, lambda: downloads.pause(id), _tr("Pause; what has arrived stays"))
        name = _tr("Go on")
        self._resume = small("play", name, lambda: downloads.resume(id), name)
        name = _tr("Cancel the download")
        self._cancel = small("x", name, self.ask_to_cancel, name)
        name = _tr("Take off this list; the model stays")
        self._dismiss = small("x", name, lambda: downloads.dismiss_arrived([id]), name)
        self._keep = button(_tr("Keep it"), self._keep_it)
        self._lose = button(_tr("Cancel and delete"), lambda: downloads.cancel(id), role="danger")
        self._lost = label("", wrap=True)

    def _lay_out(self) -> None:
        line = QHBoxLayout()
        line.setSpacing(4)
        line.addWidget(self._title)
        line.addSpacing(8)
        line.addWidget(self._told)
        line.addStretch(1)
        for each in self.controls[:-2]:
            line.addWidget(each)
        self._question = QFrame()
        self._question.setProperty("role", "notice-warning")
        asked = QHBoxLayout(self._question)
        asked.setContentsMargins(12, 6, 8, 6)
        asked.setSpacing(8)
        asked.addWidget(self._lost, 1)
        asked.addWidget(self._keep)
        asked.addWidget(self._lose)
        self._question.hide()
        words = QVBoxLayout()
        words.setSpacing(4)
        words.addLayout(line)
        for part in (self._bar, self._fault_line, self._fault, self._hint, self._files, self._question):
            words.addWidget(part)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 6, 0, 6)
        row.setSpacing(12)
        for glyph in self._glyphs.values():
            row.addWidget(glyph, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        for glyph in self._glyphs.values():
            glyph.setFixedHeight(self._cancel.sizeHint().height())  # in the middle of the line beside it

    def _show_buttons(self) -> None:
        state = self._entry.state
        is_coming = state in ("waiting", "paused", "failed")
        waits_for_network = state == "waiting" and bool(self._entry.download.fault)
        shown = {
            self._open: state == "failed" and bool(self._page),
            self._again: state == "failed" or waits_for_network,
            self._chat: state == "done" and not self._entry.is_checkpoint,
            self._make: state == "done" and self._entry.is_checkpoint,
            self._why: self._is_brief and bool(self._entry.download.fault),
            self._more: len(self._entry.download.files) > 1,
            self._up: is_coming and not self._is_alone,
            self._down: is_coming and not self._is_alone,
            self._pause: state == "waiting",
            self._resume: state == "paused",
            self._cancel: is_coming,
            self._dismiss: state == "done",
        }
        # Who pressed one that goes has the one in its place under the finger, not one somewhere else.
        had_focus = any(each.hasFocus() and not is_shown for each, is_shown in shown.items())
        for each, is_shown in shown.items():
            each.setVisible(is_shown)
        if not is_coming:
            self._question.hide()
        if had_focus:
            order = (self._resume, self._pause, self._again, self._chat, self._make, self._cancel)
            next(each for each in order if shown[each]).setFocus()

    def _show_fault(self) -> None:
        is_folded = self._is_brief and not self._is_unfolded
        for part in (self._fault, self._hint):
            part.setVisible(bool(part.text()) and not is_folded)
        self._fault_line.setText(f"{self._fault.text()} {self._hint.text()}".strip())
        self._fault_line.setToolTip("")
        self._fault_line.setVisible(bool(self._fault.text()) and is_folded)
        # The sentence says it, and the title needs the room.
        self._told.setVisible(not (self._is_brief and self._entry.state == "failed"))

    def _toggle_fault(self) -> None:
        self._is_unfolded = not self._is_unfolded
        self._why.setIcon(icons.icon("caret-up" if self._is_unfolded else "caret-down"))
        self._show_fault()

    def _show_files(self) -> None:
        if self._files.isHidden():
            return
        lines = describe_files(self._entry)
        if len(lines) > MOST_FILES:
            lines[MOST_FILES:] = [_tr("and {n} more").format(n=len(lines) - MOST_FILES)]
        self._files.setText("\n".join(lines))

    def _toggle_files(self) -> None:
        shown = self._files.isHidden()
        self._files.setVisible(shown)
        self._more.setIcon(icons.icon("caret-up" if shown else "caret-down"))
        self._show_files()

    def _ask_to_make(self) -> None:
        self.make_asked.emit(self._entry, self._make.mapToGlobal(self._make.rect().bottomRight()))

    def _keep_it(self) -> None:
        self._question.hide()
        self._cancel.setFocus()


def _selectable(role: str) -> QLabel:
    made = label("", role, wrap=True)
    made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    made.setMinimumWidth(1)  # else a digest in it would make the row wider than the page
    return made


def _tr(text: str) -> str:
    return QCoreApplication.translate("Downloads", text)
