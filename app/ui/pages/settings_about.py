"""About Nibble: what it is, which versions it is made of, what is newer, where it keeps things, and all licences."""

from __future__ import annotations

from functools import cached_property

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app import __version__
from app.ui.pages.settings_about_places import PlacesCard
from app.ui.pages.settings_about_updates import UpdatesCard
from app.ui.pages.settings_about_versions import VersionsCard
from app.ui.pages.settings_licences import LicencesView
from app.ui.parts import Mark, button, card, choice, icon_button, label
from app.ui.services import Services

WIDTH_PX = 720
MARK_PX = 64


class AboutView(QWidget):
    """In the place of the settings until `back_asked`. Licences are read when they are first looked at."""

    back_asked = Signal()

    def __init__(self, services: Services) -> None:
        super().__init__()
        self.setAccessibleName(_tr("About Nibble"))
        self.updates = UpdatesCard()
        self.versions = VersionsCard()
        self.places = PlacesCard(services.folder)
        self.back = icon_button("arrow-left", _tr("Back to the settings (Esc)"), self.back_asked.emit)
        self.about_choice = choice(_tr("Nibble"))
        self.licences_choice = choice(_tr("Licences"))
        self.about_choice.clicked.connect(self.show_about)
        self.licences_choice.clicked.connect(self.show_licences)
        self._lay_out()
        self.show_about()
        leave = QShortcut(QKeySequence(Qt.Key.Key_Escape), self, self.back_asked.emit)
        leave.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)

    @cached_property
    def licences(self) -> LicencesView:
        made = LicencesView()
        self._stack.addWidget(made)
        return made

    def show_about(self) -> None:
        self.about_choice.setChecked(True)
        self._stack.setCurrentWidget(self._about)

    def show_licences(self) -> None:
        self.licences_choice.setChecked(True)
        self._stack.setCurrentWidget(self.licences)

    def _lay_out(self) -> None:
        group = QButtonGroup(self)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.back)
        head.addWidget(label(_tr("About Nibble"), "title"), 1)
        for each in (self.about_choice, self.licences_choice):
            group.addButton(each)
            head.addWidget(each)
        self._about = self._make_about()
        self._stack = QStackedWidget()
        self._stack.addWidget(self._about)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 24)
        column.setSpacing(16)
        column.addLayout(head)
        column.addWidget(self._stack, 1)
        self.setFocusProxy(self.updates.check)

    def _make_about(self) -> QWidget:
        column = QVBoxLayout()
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(16)
        for each in (self._make_identity(), self.updates, self.versions, self.places):
            column.addWidget(each)
        column.addStretch()
        inside = QWidget()
        inside.setMaximumWidth(WIDTH_PX)
        inside.setLayout(column)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(inside)
        return scroll

    def _make_identity(self) -> QFrame:
        words = QVBoxLayout()
        words.setSpacing(4)
        words.addWidget(label(_tr("Nibble {version}").format(version=__version__), "heading"))
        for sentence in (
            _tr("Run quantized language models on your own computer, and see what the saved bits cost."),
            _tr(
                "Free software under the Apache License 2.0. It uses Qt under the GNU Lesser General Public License "
                "3, and the work of many others."
            ),
        ):
            words.addWidget(label(sentence, "muted", wrap=True))
        words.addSpacing(4)
        words.addWidget(
            button(_tr("See all licences"), self.show_licences, glyph="article"),
            0,
            Qt.AlignmentFlag.AlignLeft,
        )
        row = QHBoxLayout()
        row.setContentsMargins(20, 20, 20, 20)
        row.setSpacing(20)
        row.addWidget(Mark(MARK_PX), 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)
        return card(row)


def _tr(text: str) -> str:
    return QCoreApplication.translate("About", text)
