"""The one prompt box of all panes, with the settings all panes share."""

from __future__ import annotations

import secrets
from functools import partial

import msgspec
from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.runtime import Sampling
from app.ui import icons, theme
from app.ui.giving_way import GivingWay, usual_px
from app.ui.pages.compare_parts import WholeLabel
from app.ui.parts import ElidedLabel, button, icon_button, set_shortcut
from app.ui.prompt_field import PromptField

FIRST_SEED = 42
LARGEST_SEED = 999_999_999
ROLLED_SEEDS = 1_000_000
"""Rolled seeds are short enough to be remembered or told."""

TEMPERATURE = 0.8
MOST_TOKENS = 512
MOST_LINES = 6
FIELD_EDGES_PX = 30
"""Padding and border of a field with a number, as the style sheet gives them."""
LEAST_CAPTION_PX = 24


class Composer(QFrame):
    """`send_asked` carries the prompt; `stop_asked` ends all panes."""

    send_asked = Signal(str)
    stop_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "composer")
        self.setAccessibleName(self.tr("Prompt"))
        self._running = False
        self._ready = False
        self._rest_of_sampling = Sampling()
        self.box = PromptField(MOST_LINES)
        self.box.setPlaceholderText(self.tr("One prompt for all panes"))
        self.box.setAccessibleName(self.tr("Prompt for all panes"))
        self.box.entered.connect(self._send)
        self.box.textChanged.connect(self._settle)
        self.box.installEventFilter(self)
        self.send = button(
            self.tr("Send"),
            self._send,
            role="primary",
            glyph="paper-plane-right",
            tip=self.tr("Send to all panes (Enter); Shift+Enter begins a new line"),
        )
        self.stop = button(
            self.tr("Stop"),
            self.stop_asked.emit,
            glyph="stop",
            tip=self.tr("Stop all panes; what has arrived stays"),
        )
        set_shortcut(self.stop, "Esc")
        self._make_settings()
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 10, 10)
        column.setSpacing(8)
        column.addWidget(self.box)
        column.addWidget(self._settings_row())
        self.send.setEnabled(False)
        self._show_send()
        self.set_running(False)

    @property
    def sampling(self) -> Sampling:
        return msgspec.structs.replace(
            self._rest_of_sampling,
            temperature=self.temperature.value(),
            seed=self.seed.value(),
            max_tokens=self.max_tokens.value(),
        )

    def show_sampling(self, sampling: Sampling) -> None:
        """What is not among the fields applies as well."""
        self._rest_of_sampling = sampling
        self.temperature.setValue(sampling.temperature)
        self.max_tokens.setValue(sampling.max_tokens)
        if sampling.seed is not None:
            self.seed.setValue(sampling.seed)

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
        """Selected, so that the next letter replaces it."""
        self.box.setPlainText(prompt)
        self.box.selectAll()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.box and event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            self.setProperty("lit", "yes" if event.type() is QEvent.Type.FocusIn else "")
            self.style().polish(self)
        return super().eventFilter(watched, event)

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
        self.max_tokens.setToolTip(
            self.tr("Where answers are cut off; 0: nowhere. A token is a short word or part of one.")
        )
        self.dice = icon_button("dice-five", self.tr("Another seed"), self._roll)
        set_shortcut(self.dice, "Ctrl+D")

    def _settings_row(self) -> QWidget:
        made = QWidget()
        row = QHBoxLayout(made)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        for name, field, longest in (
            (self.tr("Temperature"), self.temperature, "0.00"),
            (self.tr("Seed"), self.seed, str(ROLLED_SEEDS - 1)),
            (self.tr("Max tokens"), self.max_tokens, self.max_tokens.specialValueText()),
        ):
            caption = ElidedLabel(name, "caption")
            caption.setMinimumWidth(LEAST_CAPTION_PX)
            caption.setToolTip(field.toolTip())
            field.setAccessibleName(name)
            field.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
            theme.follow(field, partial(_hold, field, longest))
            field.setAlignment(Qt.AlignmentFlag.AlignRight)
            row.addWidget(caption)
            row.addWidget(field)
            if field is self.seed:
                row.addWidget(self.dice)
            row.addSpacing(4)
        same = WholeLabel(self.tr("Same for every pane"), "caption")
        same.setSizePolicy(
            QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed
        )  # said where all else has room
        same.setMinimumWidth(1)
        row.addWidget(same, 1)
        row.addWidget(self.send)
        row.addWidget(self.stop)
        GivingWay(made, (self.send, self.stop), lambda: usual_px(made))
        return made

    def _send(self) -> None:
        prompt = self.box.toPlainText().strip()
        if prompt and self._ready and not self._running:
            self.send_asked.emit(prompt)

    def _settle(self) -> None:
        possible = self._ready and bool(self.box.toPlainText().strip())
        if possible != self.send.isEnabled():
            self.send.setEnabled(possible)
            self._show_send()

    def _show_send(self) -> None:
        self.send.setIcon(icons.icon("paper-plane-right", "on_accent" if self.send.isEnabled() else "muted"))

    def _roll(self) -> None:
        self.seed.setValue(secrets.randbelow(ROLLED_SEEDS))


def _hold(field: QDoubleSpinBox | QSpinBox, longest: str) -> None:
    """Makes it as wide as what it usually shows."""
    words_px = QFontMetrics(theme.font("body")).horizontalAdvance(longest)
    field.setFixedWidth(words_px + FIELD_EDGES_PX)
