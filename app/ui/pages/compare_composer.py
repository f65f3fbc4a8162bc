"""The one prompt box of all panes, with the settings all panes share."""

from __future__ import annotations

import secrets
from functools import partial

import msgspec
from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QShortcut
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QVBoxLayout,
    QWidget,
)

from app.compare import MAXIMUM_PANES
from app.runtime import Sampling
from app.ui import icons
from app.ui.giving_way import GivingWay, usual_px
from app.ui.pages.compare_fields import ROLLED_SEEDS, seed_field, temperature_field, tokens_field
from app.ui.pages.compare_parts import ShortLabel
from app.ui.parts import button, icon_button, label, set_shortcut
from app.ui.prompt_field import PromptField

MOST_LINES = 6
MOST_SYSTEM_LINES = 3


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
        self._make_system()
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 10, 10)
        column.setSpacing(8)
        column.addWidget(self._system_part)
        above = QHBoxLayout()
        above.setSpacing(4)
        above.addWidget(self.box, 1)
        above.addWidget(self.system_button, 0, Qt.AlignmentFlag.AlignTop)
        column.addLayout(above)
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
        self.temperature, self.seed, self.max_tokens = temperature_field(), seed_field(), tokens_field()
        self.same = icon_button("lock-simple", self.tr("Same settings for every pane"), lambda: None)
        self.same.setToolTip(
            self.tr(
                "The same settings for every pane. Off: each pane has a temperature, seed and limit of its own"
            )
        )
        self.same.setCheckable(True)
        self.same.setChecked(True)
        self.same.toggled.connect(self._show_lock)
        set_shortcut(self.same, "Ctrl+Shift+S")
        self.target = QComboBox()
        self.target.setAccessibleName(self.tr("Which panes are asked"))
        self.target.setToolTip(self.tr("Which panes are asked: all, or one alone"))
        self.target.hide()
        self.target.currentIndexChanged.connect(self._show_target)
        # Esc stops answers first.
        self._all_again = QShortcut("Esc", self.target, lambda: self.target.setCurrentIndex(0))
        self._all_again.setContext(Qt.ShortcutContext.WindowShortcut)
        self._one_alone = [
            QShortcut(f"Ctrl+Alt+{number}", self.target, partial(self._ask_alone, number))
            for number in range(1, MAXIMUM_PANES + 1)
        ]
        self.dice = icon_button("dice-five", self.tr("Another seed"), self._roll)
        set_shortcut(self.dice, "Ctrl+D")

    def _settings_row(self) -> QWidget:
        made = QWidget()
        row = QHBoxLayout(made)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        # The seed's dice says what it is.
        shorter = {
            self.temperature: self.tr("Temp", "short for temperature"),
            self.seed: "",
            self.max_tokens: self.tr("Max", "short for max tokens"),
        }
        for field, short in shorter.items():
            caption = ShortLabel(field.accessibleName(), short, "caption")
            caption.setToolTip(field.toolTip())
            row.addWidget(caption)
            row.addWidget(field)
            if field is self.seed:
                row.addWidget(self.dice)
            row.addSpacing(4)
        row.addWidget(self.same)
        row.addStretch(1)
        row.addWidget(self.target)
        row.addWidget(self.send)
        row.addWidget(self.stop)
        GivingWay(made, (self.send, self.stop), lambda: usual_px(made))
        return made

    @property
    def alone(self) -> int | None:
        """The index of the only pane that is to be asked; None: all are."""
        return self.target.currentIndex() - 1 if self.target.currentIndex() > 0 else None

    def set_panes(self, letters: str) -> None:
        """Which panes can be asked alone."""
        wanted = [self.tr("All panes"), *(self.tr("Only {letter}").format(letter=each) for each in letters)]
        if [self.target.itemText(row) for row in range(self.target.count())] != wanted:
            self.target.clear()
            self.target.addItems(wanted)
        self.target.setVisible(len(letters) > 1)

    def _ask_alone(self, number: int) -> None:
        """Or all again, where it was that one already."""
        if number < self.target.count():
            self.target.setCurrentIndex(number if self.target.currentIndex() != number else 0)

    def _show_target(self) -> None:
        letter = self.target.currentText() if self.alone is not None else ""
        words = self.tr("{target}: a prompt for that pane alone").format(target=letter)
        self.box.setPlaceholderText(words if letter else self.tr("One prompt for all panes"))
        self.box.setAccessibleName(words if letter else self.tr("Prompt for all panes"))
        self._settle()

    @property
    def system_prompt(self) -> str:
        """It holds also where its field is folded away."""
        return self.system.toPlainText().strip()

    def show_system_prompt(self, text: str) -> None:
        self.system.setPlainText(text)
        self._system_part.setVisible(bool(text))
        self.system_button.setChecked(bool(text))

    def _make_system(self) -> None:
        self.system = PromptField(MOST_SYSTEM_LINES)
        self.system.setPlaceholderText(self.tr("System prompt: what every model is told first"))
        self.system.setAccessibleName(self.tr("System prompt for all panes"))
        under = QFrame()
        under.setProperty("role", "separator")
        self._system_part = QWidget()
        part = QVBoxLayout(self._system_part)
        part.setContentsMargins(0, 0, 0, 0)
        part.setSpacing(4)
        for each in (label(self.tr("System prompt"), "caption"), self.system, under):
            part.addWidget(each)
        self._system_part.hide()
        self.system_button = icon_button("article", self.tr("System prompt"), self._fold_system)
        self.system_button.setToolTip(
            self.tr("System prompt: what every model is told first. It holds also while it is folded away")
        )
        self.system_button.setCheckable(True)
        set_shortcut(self.system_button, "Ctrl+Shift+P")

    def _fold_system(self) -> None:
        shown = self.system_button.isChecked()
        self._system_part.setVisible(shown)
        (self.system if shown else self.box).setFocus()

    def _show_lock(self, same: bool) -> None:
        self.same.setIcon(icons.icon("lock-simple" if same else "lock-simple-open"))

    def _send(self) -> None:
        prompt = self.box.toPlainText().strip()
        if prompt and self._ready and not self._running:
            self.send_asked.emit(prompt)

    def _settle(self) -> None:
        self._all_again.setEnabled(self.alone is not None and not self._running)
        possible = self._ready and bool(self.box.toPlainText().strip())
        if possible != self.send.isEnabled():
            self.send.setEnabled(possible)
            self._show_send()

    def _show_send(self) -> None:
        self.send.setIcon(icons.icon("paper-plane-right", "on_accent" if self.send.isEnabled() else "muted"))

    def _roll(self) -> None:
        self.seed.setValue(secrets.randbelow(ROLLED_SEEDS))
