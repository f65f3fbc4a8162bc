"""How fast downloads may be: a card of the Settings page."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QButtonGroup, QDoubleSpinBox, QHBoxLayout, QWidget

from app.ui import theme
from app.ui.parts import choice
from app.ui.preferences import Preferences

BYTES = 1_000_000
"""In a megabyte, as the box counts."""
FIRST_LIMIT = 5.0
"""MB/s, where nobody has said another."""
LEAST, MOST = 0.1, 10_000.0


class SpeedLimitChoice(QWidget):
    """No limit, or at most so many megabytes a second. Takes effect at once, also on what runs."""

    def __init__(self, preferences: Preferences) -> None:
        super().__init__()
        self._preferences = preferences
        self.unlimited = choice(_tr("No limit"))
        self.unlimited.setAccessibleName(_tr("Download speed: no limit"))
        self.limited = choice(_tr("At most"))
        self.limited.setAccessibleName(_tr("Download speed: at most as much as the box says"))
        self.box = _Box()
        self.box.setRange(LEAST, MOST)
        self.box.setDecimals(1)
        self.box.setSuffix(_tr(" MB/s"))
        self.box.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
        self.box.setKeyboardTracking(False)
        self.box.setValue(FIRST_LIMIT)
        self.box.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
        self.box.setAlignment(Qt.AlignmentFlag.AlignRight)
        theme.follow(self.box, lambda: self.box.setFixedWidth(theme.px(120)))
        for named in (self.box, self.box.lineEdit()):
            named.setAccessibleName(_tr("Most megabytes a second that downloads take"))
        self.box.setToolTip(_tr("1 MB/s is 8 Mbit/s, in which providers count"))
        group = QButtonGroup(self)
        for each in (self.unlimited, self.limited):
            group.addButton(each)
        self.unlimited.clicked.connect(lambda: preferences.set_download_speed(0))
        self.limited.clicked.connect(self._limit)
        self.box.valueChanged.connect(self._limit)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        for part in (self.unlimited, self.limited, self.box):
            row.addWidget(part)
        row.addStretch()
        preferences.changed.connect(self._show)
        self._show()

    def _limit(self) -> None:
        self._preferences.set_download_speed(round(self.box.value() * BYTES))

    def _show(self) -> None:
        bytes_per_s = self._preferences.settings.download_bytes_per_s
        (self.limited if bytes_per_s > 0 else self.unlimited).setChecked(True)
        if bytes_per_s > 0:
            self.box.blockSignals(True)
            self.box.setValue(bytes_per_s / BYTES)
            self.box.blockSignals(False)


class _Box(QDoubleSpinBox):
    def wheelEvent(self, event: QWheelEvent) -> None:
        """Is the page's, which scrolls: nobody sets a limit by scrolling past."""
        event.ignore()


def _tr(text: str) -> str:
    return QCoreApplication.translate("SettingsPage", text)
