"""The Settings page."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QKeySequence
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app import __version__
from app.storage.settings import Appearance
from app.ui.pages.settings_downloads import SpeedLimitChoice
from app.ui.pages.settings_hub import HubCard
from app.ui.pages.settings_runtime import RuntimeCard
from app.ui.parts import ElidedLabel, Glyph, button, card, choice, empty, icon_button, label, with_keys
from app.ui.services import Services
from app.ui.spelling.choice import SpellingChoice
from app.ui.zoom import ZoomChoice

if TYPE_CHECKING:  # made when it is first opened
    from app.ui.pages.settings_about import AboutView

WIDTH_PX = 720


class SettingsPage(QWidget):
    """Every change takes effect and is saved at once; there is nothing to confirm."""

    shortcuts_requested = Signal()

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._preferences = services.preferences
        self.hub = HubCard()
        self.runtime = RuntimeCard(services)
        self._lay_out()
        self._show()
        self._preferences.changed.connect(self._show)

    @cached_property
    def about(self) -> AboutView:
        from app.ui.pages.settings_about import AboutView

        made = AboutView(self._services)
        made.back_asked.connect(self.show_settings)
        self._stack.addWidget(made)
        return made

    def show_about(self) -> None:
        """In the place of the settings, until the person goes back."""
        self._stack.setCurrentWidget(self.about)
        self.setFocusProxy(self.about)
        self.about.setFocus()

    def show_settings(self) -> None:
        self._stack.setCurrentWidget(self._scroll)
        self.setFocusProxy(None)  # type: ignore[arg-type]  # Qt takes none, its annotation does not
        self._about_button.setFocus()

    def show_hub(self) -> None:
        """Leads to the access token."""
        self.show_settings()
        self._scroll.ensureWidgetVisible(self.hub)
        self.hub.field.setFocus()

    def show_runtime(self) -> None:
        """Leads to the runtime packs."""
        self.show_settings()
        self._scroll.verticalScrollBar().setValue(self.runtime.y() - 16)  # it may be higher than the page

    def _lay_out(self) -> None:
        column = QVBoxLayout()
        column.setContentsMargins(24, 24, 24, 24)
        column.setSpacing(16)
        column.addWidget(label(self.tr("Settings"), "title"))
        column.addWidget(self._appearance_card())
        column.addWidget(self._chat_card())
        column.addWidget(self._spelling_card())
        column.addWidget(self._keys_card())
        column.addWidget(self._downloads_card())
        column.addWidget(self._folders_card())
        column.addWidget(self.runtime)
        column.addWidget(self.hub)
        column.addWidget(self._data_card())
        column.addWidget(self._about_card())
        column.addStretch()
        inside = QWidget()
        inside.setMaximumWidth(WIDTH_PX)
        inside.setLayout(column)
        self._scroll = scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(inside)
        self._stack = QStackedWidget()
        self._stack.addWidget(scroll)
        outside = QVBoxLayout(self)
        outside.setContentsMargins(0, 0, 0, 0)
        outside.addWidget(self._stack)

    def _appearance_card(self) -> QWidget:
        names = {
            Appearance.SYSTEM: self.tr("Like the system"),
            Appearance.LIGHT: self.tr("Light"),
            Appearance.DARK: self.tr("Dark"),
        }
        self._choices = QButtonGroup(self)
        row = QHBoxLayout()
        row.setSpacing(8)
        for appearance, name in names.items():
            made = choice(name)
            made.setProperty("appearance", appearance.value)
            made.setAccessibleName(self.tr("Appearance: {name}").format(name=name))
            made.clicked.connect(lambda _, a=appearance: self._preferences.set_appearance(a))
            self._choices.addButton(made)
            row.addWidget(made)
        row.addStretch()
        column = self._section(self.tr("Appearance"), self.tr("Light or dark. Takes effect at once."))
        column.addLayout(row)
        column.addSpacing(8)
        column.addWidget(label(self.tr("Size of text"), "strong"))
        column.addWidget(ZoomChoice(self._preferences))
        return card(column)

    def _spelling_card(self) -> QWidget:
        column = self._section(
            self.tr("Spell-check"), self.tr("Underlines misspelt words of the messages that you write.")
        )
        column.addWidget(SpellingChoice(self._preferences, self._services.speller))
        return card(column)

    def _keys_card(self) -> QWidget:
        column = self._section(
            self.tr("Help with keys"),
            self.tr("Everything in Nibble can be done by keyboard, most of it in one step."),
        )
        shown = button(
            self.tr("Keyboard shortcuts"),
            self.shortcuts_requested.emit,
            glyph="keyboard",
            tip=with_keys(self.tr("Keyboard shortcuts"), QKeySequence("F1")),
        )
        column.addWidget(shown, 0, Qt.AlignmentFlag.AlignLeft)
        return card(column)

    def _chat_card(self) -> QWidget:
        column = self._section(
            self.tr("Chat"),
            self.tr(
                "A new conversation is called after its first words, or as the model that answers it says."
            ),
        )
        self.titles = QCheckBox(self.tr("Let the model give titles, while it has nothing else to do"))
        self.titles.clicked.connect(self._preferences.set_titles_by_model)
        column.addWidget(self.titles)
        return card(column)

    def _downloads_card(self) -> QWidget:
        column = self._section(
            self.tr("Download speed"),
            self.tr("How much of the network all downloads together may take. Takes effect at once."),
        )
        column.addWidget(SpeedLimitChoice(self._preferences))
        return card(column)

    def _folders_card(self) -> QWidget:
        column = self._section(
            self.tr("Model folders"),
            self.tr("The library shows the models in these folders and below. Nibble only reads them."),
        )
        self._folders = QVBoxLayout()
        self._folders.setSpacing(4)
        column.addLayout(self._folders)
        column.addSpacing(8)
        add = button(self.tr("Add folder…"), self._pick_folder, glyph="folder-plus")
        column.addWidget(add, 0, Qt.AlignmentFlag.AlignLeft)
        return card(column)

    def _data_card(self) -> QWidget:
        root = self._services.folder.root
        column = self._section(
            self.tr("Data folder"),
            self.tr("Models made or downloaded here, conversations, settings and logs."),
        )
        path = ElidedLabel(str(root), elide=Qt.TextElideMode.ElideMiddle)
        open_button = button(
            self.tr("Open"),
            lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(root))),
            glyph="folder-open",
            tip=self.tr("Open the data folder in the file manager"),
        )
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(Glyph("folder-simple", "muted", 20))
        row.addWidget(path, 1)
        row.addWidget(open_button)
        column.addLayout(row)
        return card(column)

    def _about_card(self) -> QWidget:
        column = self._section(
            self.tr("Nibble {version}").format(version=__version__),
            self.tr(
                "Updates, versions of its parts, where it keeps things, and the licences of all that is in it."
            ),
        )
        self._about_button = button(self.tr("About Nibble"), self.show_about, glyph="info")
        column.addWidget(self._about_button, 0, Qt.AlignmentFlag.AlignLeft)
        return card(column)

    def _section(self, title: str, text: str) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setContentsMargins(20, 16, 20, 20)
        column.setSpacing(4)
        column.addWidget(label(title, "heading"))
        column.addWidget(label(text, "muted", wrap=True))
        column.addSpacing(8)
        return column

    def _show(self) -> None:
        self.titles.setChecked(self._preferences.settings.titles_by_model)
        chosen = self._preferences.settings.appearance.value
        for each in self._choices.buttons():
            each.setChecked(each.property("appearance") == chosen)
        empty(self._folders)
        for folder in self._preferences.model_folders:
            self._folders.addWidget(self._folder_row(folder))
        if not self._preferences.model_folders:
            self._folders.addWidget(label(self.tr("None yet."), "muted"))

    def _folder_row(self, folder: Path) -> QWidget:
        made = QWidget()
        row = QHBoxLayout(made)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(Glyph("folder-simple", "muted", 20))
        row.addWidget(ElidedLabel(str(folder), elide=Qt.TextElideMode.ElideMiddle), 1)
        remove = self.tr("Take {name} off the list; its files stay").format(name=folder.name)
        row.addWidget(icon_button("x", remove, lambda: self._preferences.remove_model_folder(folder)))
        return made

    def _pick_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, self.tr("Choose a folder with models"))
        if chosen:
            self._preferences.add_model_folders([Path(chosen)])
