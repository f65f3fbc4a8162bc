"""The one prompt box of all panes, with the settings all panes share."""

from __future__ import annotations

import secrets

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
)

from app.runtime import Sampling
from app.ui import icons
from app.ui.parts import button, icon_button, label

FIRST_SEED = 42
LARGEST_SEED = 2**31 - 1
TEMPERATURE = 0.8
MOST_TOKENS = 512
MOST_LINES = 6
MARGIN_PX = 6
LEAST_PX = 36


class PromptBox(QPlainTextEdit):
    """Enter sends, Shift+Enter begins a new line; grows with its text up to some lines."""

    send_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "prompt-box")
        self.setPlaceholderText(self.tr("One prompt for all panes"))
        self.setAccessibleName(self.tr("Prompt for all panes"))
        self.setTabChangesFocus(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.document().setDocumentMargin(MARGIN_PX)
        self.textChanged.connect(self._fit)
        self._fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        alone = not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if alone and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.send_asked.emit()
            return
        super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        lines = 0
        block = self.document().firstBlock()
        while block.isValid() and lines < MOST_LINES:
            lines += max(1, block.layout().lineCount())
            block = block.next()
        lines = min(max(lines, 1), MOST_LINES)
        around = self.height() - self.viewport().height()
        height = lines * self.fontMetrics().lineSpacing() + 2 * MARGIN_PX + around
        self.setFixedHeight(max(height, LEAST_PX))


class Composer(QFrame):
    """`send_asked` carries the prompt; `stop_asked` ends all panes."""

    send_asked = Signal(str)
    stop_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self.setAccessibleName(self.tr("Prompt"))
        self._running = False
        self._ready = False
        self.box = PromptBox()
        self.box.send_asked.connect(self._send)
        self.box.textChanged.connect(self._settle)
        self.send = button(
            self.tr("Send"),
            self._send,
            role="primary",
            glyph="paper-plane-right",
            tip=self.tr("Send to all panes (Enter); Shift+Enter begins a new line"),
        )
        self.stop = button(
            self.tr("Stop"), self.stop_asked.emit, glyph="stop", tip=self.tr("Stop all panes (Esc)")
        )
        self._make_settings()
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.box, 1)
        row.addWidget(self.send, 0, Qt.AlignmentFlag.AlignBottom)
        row.addWidget(self.stop, 0, Qt.AlignmentFlag.AlignBottom)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(8)
        column.addLayout(row)
        column.addLayout(self._settings_row())
        self.set_running(False)

    @property
    def sampling(self) -> Sampling:
        return Sampling(
            temperature=self.temperature.value(), seed=self.seed.value(), max_tokens=self.max_tokens.value()
        )

    def set_running(self, running: bool) -> None:
        self._running = running
        self.send.setVisible(not running)
        self.stop.setVisible(running)
        self._settle()

    def set_ready(self, ready: bool) -> None:
        """Whether every pane has a model to ask."""
        self._ready = ready
        self._settle()

    def set_prompt(self, prompt: str) -> None:
        self.box.setPlainText(prompt)
        self.box.selectAll()

    def _make_settings(self) -> None:
        self.temperature = QDoubleSpinBox()
        self.temperature.setRange(0.0, 2.0)
        self.temperature.setSingleStep(0.1)
        self.temperature.setDecimals(2)
        self.temperature.setValue(TEMPERATURE)
        self.temperature.setToolTip(
            self.tr("How freely words are chosen. At 0 always the likeliest, so that only the models differ.")
        )
        self.seed = QSpinBox()
        self.seed.setRange(0, LARGEST_SEED)
        self.seed.setValue(FIRST_SEED)
        self.seed.setToolTip(self.tr("Where chance begins. The same seed gives the same answer again."))
        self.max_tokens = QSpinBox()
        self.max_tokens.setRange(0, 1_000_000)
        self.max_tokens.setSingleStep(64)
        self.max_tokens.setValue(MOST_TOKENS)
        self.max_tokens.setSpecialValueText(self.tr("No limit"))
        self.max_tokens.setToolTip(self.tr("Where answers are cut off. A token is a short word or part of one."))
        self.dice = icon_button("dice-five", self.tr("Another seed"), self._roll)
        self.dice.setFixedSize(32, 32)

    def _settings_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        for name, field, width in (
            (self.tr("&Temperature"), self.temperature, 64),
            (self.tr("See&d"), self.seed, 104),
            (self.tr("Max to&kens"), self.max_tokens, 80),
        ):
            caption = QLabel(name)
            caption.setProperty("role", "caption")
            caption.setBuddy(field)
            field.setAccessibleName(name.replace("&", ""))
            field.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
            field.setFixedWidth(width)
            field.setAlignment(Qt.AlignmentFlag.AlignRight)
            field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            row.addWidget(caption)
            row.addWidget(field)
            if field is self.seed:
                row.addWidget(self.dice)
            row.addSpacing(8)
        row.addStretch()
        self._shared = label(self.tr("The same for every pane"), "caption")
        row.addWidget(self._shared)
        return row

    def minimumSizeHint(self) -> QSize:
        return QSize(480, super().minimumSizeHint().height())

    def _send(self) -> None:
        prompt = self.box.toPlainText().strip()
        if prompt and self._ready and not self._running:
            self.send_asked.emit(prompt)

    def _settle(self) -> None:
        possible = self._ready and bool(self.box.toPlainText().strip())
        if possible != self.send.isEnabled():
            self.send.setEnabled(possible)
            self.send.setIcon(icons.icon("paper-plane-right", "on_accent" if possible else "muted"))

    def _roll(self) -> None:
        self.seed.setValue(secrets.randbelow(LARGEST_SEED))


