"""The top of a repository's page: its name, what the Hub knows of it, and what of it to look at."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QButtonGroup, QComboBox, QHBoxLayout, QVBoxLayout, QWidget

from app.core.units import format_count
from app.ui.pages import hub_words
from app.ui.pages.discover_words import CONTEXTS, USUAL_CONTEXT, context_name
from app.ui.parts import ElidedLabel, choice, icon_button, label, with_keys

if TYPE_CHECKING:  # the engine comes with the job that first needs it
    from app.hub import HubRepository


class View(Enum):
    FILES = "files"
    CARD = "card"


class Head(QWidget):
    """`view_chosen` carries a View, `context_chosen` tokens, `page_asked` the repository's address."""

    closed = Signal()
    view_chosen = Signal(object)
    context_chosen = Signal(int)
    page_asked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._page = ""
        self._title = ElidedLabel("", "title")
        self._facts = ElidedLabel("", "muted")
        keys = QKeySequence(Qt.Key.Key_Escape)
        name = _tr("Back")
        back = icon_button("arrow-left", name, self.closed.emit, tip=with_keys(name, keys))
        self._open = icon_button(
            "arrow-square-out",
            _tr("Open its page"),
            lambda: self.page_asked.emit(self._page),
            tip=_tr("Open its page on Hugging Face in your browser, after asking"),
        )
        self.views = {
            View.FILES: choice(_tr("Files")),
            View.CARD: choice(_tr("Model card")),
        }
        group = QButtonGroup(self)
        for view, made in self.views.items():
            group.addButton(made)
            made.clicked.connect(lambda _, view=view: self.view_chosen.emit(view))
        self.context = QComboBox()
        self.context.setAccessibleName(_tr("Context"))
        self.context.setToolTip(
            _tr("How long a conversation may get, in tokens (1k = 1024); more takes more memory")
        )
        self.context.setCursor(Qt.CursorShape.PointingHandCursor)
        for tokens in CONTEXTS:
            self.context.addItem(context_name(tokens), tokens)
        self.context.activated.connect(lambda: self.context_chosen.emit(self.context.currentData()))
        self.show_context(USUAL_CONTEXT)
        first = QHBoxLayout()
        first.setSpacing(8)
        first.addWidget(back)
        first.addWidget(self._title, 1)
        first.addWidget(self._open)
        second = QHBoxLayout()
        second.setSpacing(8)
        for made in self.views.values():
            second.addWidget(made)
        second.addSpacing(8)
        second.addWidget(self._facts, 1)
        second.addSpacing(8)
        second.addWidget(label(_tr("Context"), "muted"))
        second.addWidget(self.context)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(first)
        column.addLayout(second)

    @property
    def facts(self) -> str:
        return self._facts.text()

    def show_asking(self, id: str) -> None:
        self._title.setText(id)
        self._title.setToolTip("")
        self._facts.setText("")
        self._open.hide()
        for made in self.views.values():
            made.setEnabled(False)

    def show_repository(self, repository: HubRepository) -> None:
        self._page = repository.page
        self._title.setText(repository.id)
        self._facts.setText(_facts(repository))
        self._facts.setToolTip("")
        self._open.show()
        for made in self.views.values():
            made.setEnabled(True)

    def show_view(self, view: View) -> None:
        self.views[view].setChecked(True)

    def show_context(self, context: int) -> None:
        self.context.setCurrentIndex(self.context.findData(context))


def _facts(repository: HubRepository) -> str:
    facts = [
        format_count(repository.parameters) if repository.parameters else "",
        hub_words.licence_name(repository.licence),
        _tr("gated") if repository.is_gated else "",
        _tr("private") if repository.is_private else "",
        hub_words.downloads(repository.downloads),
        hub_words.likes(repository.likes),
        _tr("changed {when}").format(when=hub_words.ago(repository.changed_at))
        if repository.changed_at
        else "",
    ]
    return " · ".join(filter(None, facts))


def _tr(text: str) -> str:
    return QCoreApplication.translate("HubPage", text)
