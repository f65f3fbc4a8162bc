"""What a model thought before its answer: one line above it that unfolds; open while it comes."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from app.core.units import format_duration
from app.ui import icons
from app.ui.pages.chat_text import Prose
from app.ui.parts import button

INDENT_PX = 16


class ReasoningView(QWidget):
    """`append` while it streams, `end` when the answer begins, `show_whole` for what is kept."""

    def __init__(self) -> None:
        super().__init__()
        self._is_streaming = False
        self._is_chosen = False
        self._unshown = ""
        self.prose = Prose(_tr("Reasoning"))
        self.head = button("", self._toggle, role="thought", glyph="caret-right")
        self._body = QFrame()
        self._body.setProperty("role", "reasoning")
        inside = QVBoxLayout(self._body)
        inside.setContentsMargins(INDENT_PX, 0, 0, 0)
        inside.addWidget(self.prose)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.head, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self._body)
        self._body.hide()

    @property
    def text(self) -> str:
        return self._unshown or self.prose.text

    @property
    def is_open(self) -> bool:
        return not self._body.isHidden()

    def append(self, text: str) -> None:
        """More of what it thinks. Open from its first word on, unless the person closes it."""
        if not self._is_streaming:
            self._is_streaming = True
            self._say(_tr("Thinking…"))
            self._open(True)
            self.show()
        self.prose.append(text)

    def end(self) -> None:
        """The answer begins; it closes, unless the person opened it."""
        if self._is_streaming:
            self._is_streaming = False
            self._say(_tr("Thought"))
            if not self._is_chosen:
                self._open(False)

    def show_whole(self, text: str, took_s: float | None) -> None:
        """What is kept; `took_s` None: how long it thought is not known."""
        self.end()
        self.setVisible(bool(text))
        if not text:
            return
        if took_s is None:
            self._say(_tr("Thought"))
        else:
            self._say(_tr("Thought for {time}").format(time=format_duration(took_s)))
        self._unshown = text
        self._open(self.is_open)

    def _toggle(self) -> None:
        self._is_chosen = True
        self._open(not self.is_open)

    def _open(self, is_open: bool) -> None:
        if is_open and self._unshown:  # laid out when somebody wants to read it
            self.prose.show_markdown(self._unshown)
            self._unshown = ""
        self._body.setVisible(is_open)
        self.head.setIcon(icons.icon("caret-down" if is_open else "caret-right"))
        what = _tr("Hide what the model thought") if is_open else _tr("Show what the model thought")
        self.head.setToolTip(what)
        self.head.setAccessibleDescription(what)

    def _say(self, words: str) -> None:
        self.head.setText(words)


def _tr(text: str) -> str:
    return QCoreApplication.translate("ChatPage", text)
