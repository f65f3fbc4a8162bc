"""The drawer at the right: facts about the model, the system prompt, and how answers are sampled."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QCoreApplication, Qt, QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QPlainTextEdit,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.core.units import format_bytes, format_count
from app.gguf import ModelSummary
from app.memory import Spread, default_context_length
from app.runtime import Sampling
from app.ui import theme
from app.ui.pages.chat_full_context import FullContextSettings
from app.ui.pages.chat_presets import PresetSettings
from app.ui.pages.chat_samplers import DEFAULTS, SamplersPanel
from app.ui.pages.chat_saved_names import SavedNames
from app.ui.pages.chat_spread import spread_explained, spread_words
from app.ui.pages.chat_thinking import ThinkingSettings
from app.ui.parts import ElidedLabel, empty, icon_button, label, plain_tip

WIDTH_PX = 296
SCROLL_BAR_PX = 12
TYPING_MS = 400


class SettingsDrawer(QFrame):
    """Changes are told at once, those of the system prompt when typing rests."""

    sampling_changed = Signal(object)
    system_prompt_changed = Signal(str)
    system_prompt_edited = Signal()  # at once, whoever did it
    close_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "drawer")
        self.setAccessibleName(self.tr("Model and settings"))
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(TYPING_MS)
        self._typing.timeout.connect(self._tell_system_prompt)
        self._told_system_prompt = ""
        self._lay_out()
        theme.follow(self, self._fit)
        self.show_settings(DEFAULTS, "")

    @property
    def sampling(self) -> Sampling:
        return self.samplers.sampling

    @property
    def prompt_field(self) -> QPlainTextEdit:
        return self._prompt

    @property
    def system_prompt(self) -> str:
        """As it is in the field, told or not."""
        return self._prompt.toPlainText().strip()

    def show_settings(self, sampling: Sampling, system_prompt: str) -> None:
        """Shows a conversation's settings; nothing is told."""
        self._typing.stop()
        self.samplers.show_sampling(sampling)
        self._told_system_prompt = system_prompt
        self._prompt.blockSignals(True)
        self._prompt.setPlainText(system_prompt)
        self._prompt.blockSignals(False)
        self.system_prompt_edited.emit()

    def take_system_prompt(self, text: str) -> None:
        """Shows and tells what was chosen elsewhere."""
        self._prompt.setPlainText(text)
        self._tell_system_prompt()

    def show_facts(
        self, path: Path | None, facts: ModelSummary | None, context_length: int | None = None
    ) -> None:
        """What the model's header says; None: not known. `context_length`: with which it is loaded, in tokens."""
        empty(self._facts)
        for row, (name, value, tip) in enumerate(
            _facts_of(path, facts, context_length) if path and facts else ()
        ):
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
        self.samplers.flush()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._fit()

    def _fit(self) -> None:
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
        self.prompt_names = SavedNames(
            self.tr("Choose a system prompt"),
            self.tr("Puts a text of the library into the field below."),
            self.tr("Save, rename or delete system prompts"),
        )
        column.addWidget(self.prompt_names)
        column.addWidget(self._make_prompt())
        column.addSpacing(16)
        self.thinking = ThinkingSettings()
        column.addWidget(self.thinking)
        self.full_context = FullContextSettings()
        column.addWidget(self.full_context)
        column.addWidget(label(self.tr("Answers"), "heading"))
        self.presets = PresetSettings()
        column.addWidget(self.presets)
        self.samplers = SamplersPanel()
        self.samplers.changed.connect(self.sampling_changed)
        column.addWidget(self.samplers)
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
        self._prompt.textChanged.connect(self.system_prompt_edited)
        return self._prompt

    # Changing

    def _tell_system_prompt(self) -> None:
        self._typing.stop()
        if self.system_prompt != self._told_system_prompt:
            self._told_system_prompt = self.system_prompt
            self.system_prompt_changed.emit(self.system_prompt)


def _facts_of(path: Path, facts: ModelSummary, context_length: int | None) -> list[tuple[str, str, str]]:
    """Name, value and tooltip of each fact."""
    bits = f"{facts.bits_per_weight:.2f}" if facts.bits_per_weight else "?"
    context = context_length or default_context_length(facts)
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
