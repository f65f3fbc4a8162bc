"""How answers are sampled: the usual settings at sight, all others behind a fold."""

from __future__ import annotations

import secrets
from typing import Any

import msgspec
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QPushButton, QSpinBox, QVBoxLayout, QWidget

from app.chat import RANDOM_SEED
from app.chat.presets import BALANCED, BUILT_IN, Change
from app.runtime import Sampling
from app.ui import icons
from app.ui.pages.chat_sampler_options import (
    Group,
    Option,
    advanced_groups,
    basic_options,
    mirostat_choices,
)
from app.ui.pages.chat_sampler_rows import (
    FIELD_PX,
    ChoiceRow,
    NumberRow,
    Row,
    explain,
    prepare_box,
)
from app.ui.pages.chat_sampler_texts import text_rows
from app.ui.parts import button, label, without_mnemonics
from app.ui.wheel import WheelGuard

LARGEST_SEED = 2**31 - 1
"""As far as a spin box counts."""

DEFAULTS = BUILT_IN[BALANCED]


class SamplersPanel(QWidget):
    """Changes are told at once, those of texts when typing rests."""

    changed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._sampling = self._base = DEFAULTS
        self._wheel = WheelGuard(self)
        self.rows: dict[str, Row] = {}
        self._by_mirostat: list[QWidget] = []
        self._lay_out()
        self.show_sampling(DEFAULTS)

    @property
    def sampling(self) -> Sampling:
        return self._sampling

    @property
    def fields(self) -> dict[str, Any]:
        """The boxes of numbers, by name."""
        return {name: row.box for name, row in self.rows.items() if isinstance(row, NumberRow)}

    def show_sampling(self, sampling: Sampling) -> None:
        """Nothing is told. What is written and could not be taken goes."""
        for row in self.rows.values():
            row.drop()
        self._show(sampling)

    def show_base(self, base: Sampling, name: str) -> None:
        """What each setting and all of them are put back to: a preset of this name."""
        self._base = base
        self.reset_button.setText(self.tr("Back to {preset}").format(preset=without_mnemonics(name)))
        self._show(self._sampling)

    def take(self, sampling: Sampling) -> None:
        """Shows and tells what was chosen elsewhere."""
        self.show_sampling(sampling)
        self.changed.emit(sampling)

    def describe(self, change: Change) -> str:
        """`Temperature 1.20 instead of 0.80`"""
        if change.field == "seed":
            return self.tr("Seed {n}").format(n=change.value)
        row = self.rows[change.field]
        if not (value := row.describe(change.value)):
            return row.title
        return self.tr("{name}: {value} instead of {usual}").format(
            name=row.title, value=value, usual=row.describe(change.preset)
        )

    def _show(self, sampling: Sampling) -> None:
        self._sampling = sampling
        for name, row in self.rows.items():
            row.show_value(getattr(sampling, name), getattr(self._base, name))
        for replaced in self._by_mirostat:
            replaced.setEnabled(sampling.mirostat == 0)
        self._show_seed()
        self._show_fold()
        self.reset_button.setEnabled(sampling != self._base)

    def reset(self) -> None:
        """All of it back to what the preset says."""
        self.take(self._base)

    def flush(self) -> None:
        """Tells what is still being typed."""
        for row in self.rows.values():
            row.flush()

    def show_advanced(self, shown: bool) -> None:
        self.fold.setChecked(shown)

    # Building

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        for option in basic_options():
            column.addWidget(self._make_row(option))
        column.addLayout(self._make_seed_rows())
        column.addWidget(self._make_fold())
        self._advanced = self._make_advanced()
        column.addWidget(self._advanced)
        column.addSpacing(8)
        self.reset_button = button(
            self.tr("Reset to defaults"),
            self.reset,
            glyph="arrow-counter-clockwise",
            tip=self.tr("Puts all of this back, advanced settings too; the system prompt stays"),
        )
        column.addWidget(self.reset_button)

    def _make_row(self, option: Option) -> NumberRow:
        row = NumberRow(option, self._change, self._wheel)
        self.rows[option.field] = row
        if option.by_mirostat:
            self._by_mirostat.append(row)
        return row

    def _make_fold(self) -> QPushButton:
        self.fold = button(self.tr("Advanced"), lambda: None, role="fold")
        self.fold.setCheckable(True)
        self.fold.toggled.connect(self._unfold)
        return self.fold

    def _make_advanced(self) -> QWidget:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        for group in advanced_groups():
            self._add_group(column, group)
        column.addSpacing(8)
        column.addWidget(label(self.tr("Text"), "strong"))
        for row in text_rows(self._change):
            self.rows[row.field] = row
            column.addWidget(row)
        inside.hide()
        return inside

    def _add_group(self, column: QVBoxLayout, group: Group) -> None:
        column.addSpacing(8)
        column.addWidget(label(group.title, "strong"))
        column.addWidget(label(group.explanation, "caption", wrap=True))
        rows = [self._make_row(option) for option in group.options]
        if any(option.field.startswith("mirostat") for option in group.options):
            self.mirostat = ChoiceRow(
                "mirostat",
                self.tr("Version"),
                self.tr("Mirostat as in its paper (1), or its simpler form (2), which most people use."),
                mirostat_choices(),
                self._change,
                self._wheel,
            )
            self.rows["mirostat"] = self.mirostat
            column.addWidget(self.mirostat)
        for row in rows:
            row.box.setAccessibleName(f"{group.title}: {row.box.accessibleName()}")
            column.addWidget(row)

    def _make_seed_rows(self) -> QVBoxLayout:
        explanation = self.tr(
            "The same seed, settings and prompt give the same answer again; random varies it."
        )
        self.random_seed = QCheckBox(self.tr("Random seed"))
        self.random_seed.setToolTip(explanation)
        self.random_seed.toggled.connect(self._choose_random)
        self.seed = QSpinBox()
        self.seed.setRange(0, LARGEST_SEED)
        self.seed.setFixedWidth(FIELD_PX + 16)
        self.seed.valueChanged.connect(lambda value: self._change("seed", value))
        prepare_box(self.seed, self._wheel)
        name = label(self.tr("Seed"))
        name.setBuddy(self.seed)
        explain(explanation, self.tr("Seed"), name, self.seed)
        self._seed_row = QWidget()
        row = QHBoxLayout(self._seed_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(name, 1)
        row.addWidget(self.seed)
        column = QVBoxLayout()
        column.setSpacing(8)
        column.addWidget(self.random_seed)
        column.addWidget(self._seed_row)
        return column

    # Changing

    def _change(self, name: str, value: Any) -> None:
        changes = {name: value}
        if name in ("json_schema", "grammar") and value:  # an answer follows one of them
            changes["grammar" if name == "json_schema" else "json_schema"] = ""
        self._show(msgspec.structs.replace(self._sampling, **changes))
        self.changed.emit(self._sampling)

    def _choose_random(self, random: bool) -> None:
        self._change("seed", RANDOM_SEED if random else secrets.randbelow(1_000_000))

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

    def _unfold(self, shown: bool) -> None:
        self._advanced.setVisible(shown)
        self._show_fold()

    def _show_fold(self) -> None:
        """What is set behind the fold is not forgotten there."""
        usual = {option.field for option in basic_options()}
        changed = sum(
            getattr(self._sampling, name) != getattr(self._base, name)
            for name in self.rows
            if name not in usual
        )
        shown = self.fold.isChecked()
        self.fold.setIcon(icons.icon("caret-down" if shown else "caret-right"))
        words = self.tr("Advanced ({n} changed)").format(n=changed) if changed else self.tr("Advanced")
        self.fold.setText(words)
        self.fold.setToolTip(
            self.tr("Hides them again") if shown else self.tr("Shows all samplers of llama.cpp")
        )
