"""Which language is checked: a row of the Settings page."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QLocale
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QComboBox, QVBoxLayout, QWidget

from app.ui.parts import label
from app.ui.preferences import Preferences
from app.ui.spelling.speller import OFF, Speller, language_of
from app.ui.wheel import WheelGuard


class SpellingChoice(QWidget):
    """Looks for what the system offers when it is first shown, and says so where that is nothing."""

    def __init__(self, preferences: Preferences, speller: Speller) -> None:
        super().__init__()
        self._preferences = preferences
        self._speller = speller
        self.field = QComboBox()
        self.field.setAccessibleName(_tr("Language of spell-check"))
        self._wheel = WheelGuard(self)
        self.field.installEventFilter(self._wheel)
        self.field.activated.connect(self._choose)
        self.words = label("", "muted", wrap=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.field)
        column.addWidget(self.words)
        speller.changed.connect(self._show)
        preferences.changed.connect(self._show)
        self._show()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._speller.start()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._keep_room()

    def _keep_room(self) -> None:
        # What the page remembers of the height that words need, it forgets too late.
        self.words.setMinimumHeight(max(self.words.heightForWidth(max(self.width(), 64)), 0))

    def _choose(self, row: int) -> None:
        self._preferences.set_spelling(str(self.field.itemData(row)))

    def _show(self) -> None:
        languages = self._speller.languages
        self.field.setVisible(bool(languages))
        self.words.setText(self._explanation(languages))
        self.words.setVisible(bool(self.words.text()))
        self._keep_room()
        if not languages:
            return
        chosen = self._preferences.settings.spelling
        self.field.clear()
        self.field.addItem(_tr("Like the system"), "")
        for language in languages:
            self.field.addItem(language_name(language), language)
        self.field.addItem(_tr("Do not check"), OFF)
        self.field.setCurrentIndex(max(self.field.findData(chosen), 0))

    def _explanation(self, languages: tuple[str, ...] | None) -> str:
        if languages is None:
            return _tr("Looking for dictionaries…")
        if not languages:
            return _tr(
                "No dictionaries were found on this computer. On Linux, install Enchant and a dictionary of Hunspell"
                " from your distribution; on a Mac, Enchant from Homebrew. Then start Nibble again."
            )
        chosen = self._preferences.settings.spelling
        if chosen != OFF and language_of(chosen, languages) is None:
            return _tr("There is no dictionary for this language on this computer, so nothing is checked.")
        return ""


def language_name(tag: str) -> str:
    """`English (United Kingdom)`, or the tag where nobody knows it."""
    locale = QLocale(tag)
    if locale.language() is QLocale.Language.C:
        return tag
    name = QLocale.languageToString(locale.language())
    return f"{name} ({QLocale.territoryToString(locale.territory())})" if "_" in tag else name


def _tr(text: str) -> str:
    return QCoreApplication.translate("Spelling", text)
