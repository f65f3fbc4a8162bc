"""The drawer at the right: facts about the model, the system prompt, and how answers are sampled."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

import msgspec
from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QDoubleSpinBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QPlainTextEdit,
    QScrollArea,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.chat import RANDOM_SEED
from app.core.units import format_bytes, format_count
from app.gguf import ModelSummary
from app.memory import Spread, default_context_length
from app.runtime import Sampling
from app.ui.pages.chat_spread import spread_explained, spread_words
from app.ui.pages.chat_thinking import ThinkingSettings
from app.ui.parts import ElidedLabel, button, icon_button, label, plain_tip

WIDTH_PX = 296
FIELD_PX = 104
SCROLL_BAR_PX = 12
TYPING_MS = 400
MOST_TOKENS = 1_000_000
LARGEST_SEED = 2**31 - 1
"""As far as a spin box counts."""

DEFAULTS = Sampling(seed=RANDOM_SEED)


@dataclass(frozen=True)
class Option:
    """A number of `Sampling`. `decimals` 0: a whole number; `least_text`: what its least value means."""

    field: str
    title: str
    explanation: str
    least: float
    most: float
    step: float
    decimals: int = 0
    least_text: str = ""


def options() -> tuple[Option, ...]:
    """In the order they are shown."""
    return (
        Option(
            "temperature",
            _tr("Temperature"),
            _tr("How daring the choice of words is: 0 always takes the likeliest one, above 1 gets wild."),
            0.0,
            5.0,
            0.05,
            2,
        ),
        Option(
            "top_k",
            _tr("Top-k"),
            _tr("Only this many of the likeliest tokens are considered for the next one."),
            0,
            1000,
            1,
            least_text=_tr("Off"),
        ),
        Option(
            "top_p",
            _tr("Top-p"),
            _tr(
                "Only the likeliest tokens that together reach this probability are considered; 1 considers all."
            ),
            0.0,
            1.0,
            0.01,
            2,
        ),
        Option(
            "min_p",
            _tr("Min-p"),
            _tr("Tokens less likely than this share of the likeliest one are left out; 0 leaves none out."),
            0.0,
            1.0,
            0.01,
            2,
        ),
        Option(
            "repeat_penalty",
            _tr("Repeat penalty"),
            _tr("Above 1, tokens that came up recently become less likely; 1 changes nothing."),
            0.5,
            2.0,
            0.05,
            2,
        ),
        Option(
            "max_tokens",
            _tr("Max tokens"),
            _tr("An answer ends after this many tokens, even in the middle of a sentence."),
            0,
            MOST_TOKENS,
            64,
            least_text=_tr("No limit"),
        ),
    )


class SettingsDrawer(QFrame):
    """Changes are told at once, those of the system prompt when typing rests."""

    sampling_changed = Signal(object)
    system_prompt_changed = Signal(str)
    close_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "drawer")
        self.setAccessibleName(self.tr("Model and settings"))
        self._sampling = DEFAULTS
        self._wheel = _WheelGuard(self)
        self.fields: dict[str, QSpinBox | QDoubleSpinBox] = {}
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(TYPING_MS)
        self._typing.timeout.connect(self._tell_system_prompt)
        self._told_system_prompt = ""
        self._lay_out()
        self.show_settings(DEFAULTS, "")

    @property
    def sampling(self) -> Sampling:
        return self._sampling

    @property
    def system_prompt(self) -> str:
        """As it is in the field, told or not."""
        return self._prompt.toPlainText().strip()

    def show_settings(self, sampling: Sampling, system_prompt: str) -> None:
        """Shows a conversation's settings; nothing is told."""
        self._typing.stop()
        self._sampling = sampling
        for name, field in self.fields.items():
            field.blockSignals(True)
            field.setValue(getattr(sampling, name))
            field.blockSignals(False)
        self._show_seed()
        self._told_system_prompt = system_prompt
        self._prompt.blockSignals(True)
        self._prompt.setPlainText(system_prompt)
        self._prompt.blockSignals(False)
        self._settle()

    def show_facts(self, path: Path | None, facts: ModelSummary | None) -> None:
        """What the model's header says; None: not known."""
        while (item := self._facts.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.hide()
                old.deleteLater()
        for row, (name, value, tip) in enumerate(_facts_of(path, facts) if path and facts else ()):
            self._facts.addWidget(label(name, "muted"), row, 0, Qt.AlignmentFlag.AlignTop)
            shown = ElidedLabel(value, elide=Qt.TextElideMode.ElideMiddle)
            shown.setToolTip(plain_tip(tip))
            shown.setAlignment(Qt.AlignmentFlag.AlignRight)
            self._facts.addWidget(shown, row, 1)
        self._no_facts.setVisible(facts is None)

    def show_spread(self, spread: Spread | None) -> None:
        """Where the model runs; None: it is not loaded, or there is but one place for it."""
        for part, words in ((self._place, spread_words), (self._why_there, spread_explained)):
            part.setText(words(spread) if spread is not None else "")
            part.setVisible(spread is not None)

    def flush(self) -> None:
        """Tells what is still being typed."""
        if self._typing.isActive():
            self._tell_system_prompt()

    def reset(self) -> None:
        """Back to the defaults; the system prompt stays, for it was written and not chosen."""
        self.flush()
        self.show_settings(DEFAULTS, self.system_prompt)
        self.sampling_changed.emit(DEFAULTS)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        # Longer words and larger letters than ours need more.
        self.setFixedWidth(max(WIDTH_PX, self._inside.minimumSizeHint().width() + SCROLL_BAR_PX))

    # Building

    def _lay_out(self) -> None:
        self._inside = QWidget()
        column = QVBoxLayout(self._inside)
        column.setContentsMargins(16, 0, 16, 16)
        column.setSpacing(8)
        column.addWidget(label(self.tr("Model"), "heading"))
        self._facts = QGridLayout()
        self._facts.setHorizontalSpacing(12)
        self._facts.setVerticalSpacing(6)
        self._facts.setColumnStretch(1, 1)
        self._no_facts = label(self.tr("No model chosen"), "muted")
        column.addWidget(self._no_facts)
        column.addLayout(self._facts)
        self._place = label("", wrap=True)
        self._why_there = label("", "caption", wrap=True)
        for part in (self._place, self._why_there):
            part.hide()
            column.addWidget(part)
        column.addSpacing(16)
        column.addWidget(label(self.tr("System prompt"), "heading"))
        column.addWidget(self._make_prompt())
        column.addSpacing(16)
        self.thinking = ThinkingSettings()
        for field in (self.thinking.switch, self.thinking.effort):
            field.installEventFilter(self._wheel)
        column.addWidget(self.thinking)
        column.addWidget(label(self.tr("Answers"), "heading"))
        for option in options():
            column.addLayout(self._make_row(option))
        column.addLayout(self._make_seed_rows())
        column.addSpacing(8)
        self._reset = button(
            self.tr("Reset to defaults"),
            self.reset,
            glyph="arrow-counter-clockwise",
            tip=self.tr("Puts the numbers above back; the system prompt stays"),
        )
        column.addWidget(self._reset)
        column.addStretch()
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(self._inside)
        outside = QVBoxLayout(self)
        outside.setContentsMargins(0, 0, 0, 0)
        outside.setSpacing(0)
        outside.addLayout(self._make_head())
        outside.addWidget(scroll, 1)

    def _make_head(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(16, 12, 8, 12)
        row.addWidget(label(self.tr("This chat"), "strong"))
        row.addStretch()
        row.addWidget(icon_button("x", self.tr("Close the settings"), self.close_asked.emit))
        return row

    def _make_prompt(self) -> QWidget:
        self._prompt = QPlainTextEdit()
        self._prompt.setAccessibleName(self.tr("System prompt"))
        self._prompt.setPlaceholderText(self.tr("For example: Answer briefly and in English."))
        self._prompt.setToolTip(
            self.tr("What the model is told before the conversation begins: how to behave, what to know.")
        )
        self._prompt.setTabChangesFocus(True)
        self._prompt.setProperty("role", "system-prompt")
        self._prompt.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self._prompt.setMaximumHeight(120)
        self._prompt.textChanged.connect(self._typing.start)
        return self._prompt

    def _make_row(self, option: Option) -> QHBoxLayout:
        field = QDoubleSpinBox() if option.decimals else QSpinBox()
        if isinstance(field, QDoubleSpinBox):
            field.setDecimals(option.decimals)
            field.setRange(option.least, option.most)
            field.setSingleStep(option.step)
        else:
            field.setRange(int(option.least), int(option.most))
            field.setSingleStep(int(option.step))
            field.setGroupSeparatorShown(True)
        field.setSpecialValueText(option.least_text)
        field.valueChanged.connect(lambda value: self._change(option.field, value))
        self.fields[option.field] = field
        return self._row(option.title, option.explanation, field)

    def _make_seed_rows(self) -> QVBoxLayout:
        explanation = self.tr(
            "The same seed, settings and prompt give the same answer again; random varies it."
        )
        self.random_seed = QCheckBox(self.tr("Random seed"))
        self.random_seed.setToolTip(explanation)
        self.random_seed.toggled.connect(self._choose_random)
        self.seed = QSpinBox()
        self.seed.setRange(0, LARGEST_SEED)
        self.seed.valueChanged.connect(lambda value: self._change("seed", value))
        self._seed_row = QWidget()
        row = self._row(self.tr("Seed"), explanation, self.seed)
        row.setContentsMargins(0, 0, 0, 0)
        self._seed_row.setLayout(row)
        column = QVBoxLayout()
        column.setSpacing(8)
        column.addWidget(self.random_seed)
        column.addWidget(self._seed_row)
        return column

    def _row(self, title: str, explanation: str, field: QAbstractSpinBox) -> QHBoxLayout:
        name = label(title)
        name.setToolTip(explanation)
        name.setBuddy(field)
        field.setToolTip(explanation)
        field.setAccessibleName(title)
        field.setAccessibleDescription(explanation)
        field.setFixedWidth(FIELD_PX)
        field.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
        field.setAlignment(Qt.AlignmentFlag.AlignRight)
        field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        field.setKeyboardTracking(False)
        field.installEventFilter(self._wheel)
        row = QHBoxLayout()
        row.addWidget(name, 1)
        row.addWidget(field)
        return row

    # Changing

    def _change(self, name: str, value: float) -> None:
        self._sampling = msgspec.structs.replace(self._sampling, **{name: value})
        self._settle()
        self.sampling_changed.emit(self._sampling)

    def _choose_random(self, random: bool) -> None:
        self._change("seed", RANDOM_SEED if random else secrets.randbelow(1_000_000))
        self._show_seed()

    def _show_seed(self) -> None:
        random = self._sampling.seed == RANDOM_SEED
        for field in (self.random_seed, self.seed):
            field.blockSignals(True)
        self.random_seed.setChecked(random)
        if not random:
            self.seed.setValue(min(self._sampling.seed, LARGEST_SEED))
        self._seed_row.setVisible(not random)
        for field in (self.random_seed, self.seed):
            field.blockSignals(False)

    def _tell_system_prompt(self) -> None:
        self._typing.stop()
        if self.system_prompt != self._told_system_prompt:
            self._told_system_prompt = self.system_prompt
            self.system_prompt_changed.emit(self.system_prompt)

    def _settle(self) -> None:
        self._reset.setEnabled(self._sampling != DEFAULTS)


class _WheelGuard(QObject):
    """Keeps a number from changing when the wheel was meant to scroll past it."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return super().eventFilter(watched, event)


def _facts_of(path: Path, facts: ModelSummary) -> list[tuple[str, str, str]]:
    """Name, value and tooltip of each fact."""
    bits = f"{facts.bits_per_weight:.2f}" if facts.bits_per_weight else "?"
    context = default_context_length(facts)
    trained = facts.context_length
    return [
        (_tr("Name"), facts.name or path.stem, facts.name or ""),
        (_tr("File"), path.name, str(path)),
        (_tr("Size"), format_bytes(facts.file_bytes), _tr("{n:,} bytes").format(n=facts.file_bytes)),
        (
            _tr("Quantization"),
            facts.quantization or "?",
            _tr("{bits} bits for each weight, on average").format(bits=bits),
        ),
        (
            _tr("Parameters"),
            format_count(facts.parameters),
            _tr("{n:,} weights").format(n=facts.parameters),
        ),
        (_tr("Architecture"), facts.architecture or "?", ""),
        (
            _tr("Context"),
            _tr("{n:,} tokens").format(n=context),
            _tr("How much of a conversation the model sees; it was trained for {n:,} tokens.").format(
                n=trained or context
            ),
        ),
    ]


def _tr(text: str) -> str:
    return QCoreApplication.translate("ChatPage", text)
