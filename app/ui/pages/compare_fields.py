"""The fields of the settings that a prompt is asked with: those all panes share, and those of one pane."""

from __future__ import annotations

from functools import partial
from typing import TypeVar

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QDoubleSpinBox, QSpinBox

from app.ui import theme

FIRST_SEED = 42
LARGEST_SEED = 999_999_999
ROLLED_SEEDS = 1_000_000
"""Rolled seeds are short enough to be remembered or told."""

TEMPERATURE = 0.8
MOST_TOKENS = 512
FIELD_EDGES_PX = 30
"""Padding and border of a field with a number, as the style sheet gives them."""

Field = TypeVar("Field", QDoubleSpinBox, QSpinBox)


def temperature_field() -> QDoubleSpinBox:
    made = QDoubleSpinBox()
    made.setRange(0.0, 2.0)
    made.setSingleStep(0.1)
    made.setDecimals(2)
    made.setValue(TEMPERATURE)
    made.setToolTip(
        _tr("How freely words are chosen. At 0 always the likeliest, so that only the models differ.")
    )
    return _settled(made, _tr("Temperature"), "0.00")


def seed_field() -> QSpinBox:
    made = QSpinBox()
    made.setRange(0, LARGEST_SEED)
    made.setValue(FIRST_SEED)
    made.setToolTip(_tr("Where chance begins. The same seed gives the same answer again."))
    return _settled(made, _tr("Seed"), str(ROLLED_SEEDS - 1))


def tokens_field() -> QSpinBox:
    made = QSpinBox()
    made.setRange(0, 1_000_000)
    made.setSingleStep(64)
    made.setValue(MOST_TOKENS)
    made.setSpecialValueText(_tr("No limit"))
    made.setToolTip(_tr("Where answers are cut off; 0: nowhere. A token is a short word or part of one."))
    return _settled(made, _tr("Max tokens"), made.specialValueText())


def _settled(field: Field, name: str, longest: str) -> Field:
    """As wide as what it usually shows."""
    field.setAccessibleName(name)
    field.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
    field.setAlignment(Qt.AlignmentFlag.AlignRight)
    theme.follow(field, partial(_hold, field, longest))
    return field


def _hold(field: QDoubleSpinBox | QSpinBox, longest: str) -> None:
    words_px = QFontMetrics(theme.font("body")).horizontalAdvance(longest)
    field.setFixedWidth(words_px + FIELD_EDGES_PX)


def _tr(text: str) -> str:
    return QCoreApplication.translate("Composer", text)
