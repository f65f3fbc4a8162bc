"""Settings of one pane, where they are not the same for all."""

from __future__ import annotations

import msgspec
from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.runtime import Sampling
from app.ui.pages.compare_fields import seed_field, temperature_field, tokens_field


class PaneSettings(QWidget):
    """Hidden while all panes share theirs."""

    def __init__(self) -> None:
        super().__init__()
        self.temperature, self.seed, self.max_tokens = temperature_field(), seed_field(), tokens_field()
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 4, 12, 4)
        row.setSpacing(6)
        for field in (self.temperature, self.seed, self.max_tokens):
            field.setToolTip(f"{field.accessibleName()}: {field.toolTip()}")
            row.addWidget(field)
        row.addStretch()
        self.setAccessibleName(self.tr("Settings of this pane: temperature, seed, most tokens"))
        self.hide()

    def begin(self, shared: Sampling) -> None:
        """From here on of its own; it begins with those of all."""
        self.temperature.setValue(shared.temperature)
        self.max_tokens.setValue(shared.max_tokens)
        if shared.seed is not None:
            self.seed.setValue(shared.seed)
        self.show()

    def over(self, shared: Sampling) -> Sampling:
        """What this pane is asked with."""
        if self.isHidden():
            return shared
        return msgspec.structs.replace(
            shared,
            temperature=self.temperature.value(),
            seed=self.seed.value(),
            max_tokens=self.max_tokens.value(),
        )


def difference_words(own: Sampling, shared: Sampling) -> str:
    """In what a pane's settings were others; empty where they were not."""
    told = []
    if own.temperature != shared.temperature:
        told.append(_tr("temperature {value}").format(value=f"{own.temperature:.2f}"))
    if own.seed != shared.seed:
        told.append(_tr("seed {value}").format(value=own.seed))
    if own.max_tokens != shared.max_tokens:
        told.append(
            _tr("at most {n} tokens").format(n=f"{own.max_tokens:,}")
            if own.max_tokens
            else _tr("no limit of tokens")
        )
    return ", ".join(told)


def _tr(text: str) -> str:
    return QCoreApplication.translate("PaneSettings", text)
