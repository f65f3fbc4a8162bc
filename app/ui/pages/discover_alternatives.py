"""Under the staircase: what else would let a model keep more of its bits, each in a line, with a button where it can
be had at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.ui.pages import discover_words as words
from app.ui.parts import button, label

if TYPE_CHECKING:  # the engine comes with the job that first needs it
    from app.recommend.choose import Alternative


class Alternatives(QWidget):
    """`context_asked` carries tokens, `model_asked` the id of another model."""

    context_asked = Signal(int)
    model_asked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[Alternative, ...] = ()
        self._lines: list[QWidget] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(12, 8, 12, 4)
        self._column.setSpacing(0)
        self.hide()

    def show_alternatives(self, found: Sequence[Alternative], context: int) -> None:
        """`context`: the one that is chosen, in tokens."""
        if tuple(found) == self._shown:
            return
        self._shown = tuple(found)
        for line in self._lines:
            self._column.removeWidget(line)
            line.hide()
            line.deleteLater()
        self._lines = [self._line(each, context) for each in found]
        for line in self._lines:
            self._column.addWidget(line)
        self.setVisible(bool(found))

    def _line(self, alternative: Alternative, context: int) -> QWidget:
        line = QWidget()
        row = QHBoxLayout(line)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(label(alternative.reason, "caption", wrap=True), 1)
        action = self._action(alternative, context)
        if action is not None:
            action.setAccessibleDescription(alternative.reason)
            row.addWidget(action, 0, Qt.AlignmentFlag.AlignTop)
        return line

    def _action(self, alternative: Alternative, context: int) -> QPushButton | None:
        """None for a cache in fewer bits, which cannot be chosen here."""
        model, tokens = alternative.model, alternative.settings.context_length
        if model is not None:
            name = self.tr("Show {model}").format(model=model.name)
            return button(name, lambda: self.model_asked.emit(model.id), role="ghost")
        if tokens in words.CONTEXTS and tokens < context and alternative.settings.kv_type == "f16":
            name = self.tr("Set to {context}").format(context=words.context_name(tokens))
            return button(name, lambda: self.context_asked.emit(tokens), role="ghost")
        return None
