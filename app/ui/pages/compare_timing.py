"""Whether compared models run beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from app.ui.preferences import Preferences

if TYPE_CHECKING:
    from app.ui.pages.compare import ComparePage


class Timing(QObject):
    def __init__(self, page: ComparePage, preferences: Preferences) -> None:
        super().__init__(page)
        self._page = page
        self._preferences = preferences
        page.header.fair.setChecked(preferences.settings.compare_one_after_another)
        self._apply(page.header.fair.isChecked())
        page.header.fair.toggled.connect(self._changed)

    def _changed(self, one_after_another: bool) -> None:
        self._preferences.set_compare_one_after_another(one_after_another)
        self._apply(one_after_another)
        self._page.timing_changed()

    def _apply(self, one_after_another: bool) -> None:
        self._page.engine.one_after_another = one_after_another
        self._page.planner.one_after_another = one_after_another
