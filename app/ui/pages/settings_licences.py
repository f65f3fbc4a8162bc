"""The licences of all that is in Nibble: a list to search in, and beside it the texts of the one that is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QGuiApplication, QShowEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QPlainTextEdit,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.core.jobs import JobControl
from app.ui import links, theme
from app.ui.giving_way import GivingWay, usual_px
from app.ui.latest import Latest
from app.ui.notice import NoticeArea
from app.ui.parts import ElidedLabel, button, card, label, let_clear

if TYPE_CHECKING:  # read by a job
    from app.about import Component

LIST_PX = 340


class LicencesView(QWidget):
    """`listed`: all there are; `shown`: those that the search leaves; `chosen`: whose texts are shown."""

    def __init__(self) -> None:
        super().__init__()
        self.listed: list[Component] = []
        self.shown: list[Component] = []
        self._asking = Latest(self)
        self.notices = NoticeArea()
        self.field = QLineEdit()
        self.field.setPlaceholderText(_tr("Search names and licences"))
        self.field.setAccessibleName(_tr("Search licences"))
        let_clear(self.field)
        self.field.textChanged.connect(self._fill)
        self.list = QTreeWidget()
        self.list.setProperty("role", "facts")
        self.list.setAccessibleName(_tr("Parts of Nibble"))
        self.list.setHeaderLabels([_tr("Part"), _tr("Licence")])
        self.list.setRootIsDecorated(False)
        self.list.setUniformRowHeights(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.header().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.list.currentItemChanged.connect(lambda item, before: self._show_text())
        self.nothing = label(_tr("Nothing is called that. Try fewer letters."), "muted", wrap=True)
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.name = ElidedLabel("", "heading")
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setProperty("role", "notes")
        self.text.setAccessibleName(_tr("Texts of the licence"))
        self.copy = button(_tr("Copy"), self._copy, glyph="copy", tip=_tr("Copy the texts"))
        self.home = button(
            _tr("Its page"),
            self._open_home,
            glyph="arrow-square-out",
            tip=_tr("Open its page in your browser, after asking"),
        )
        self._lay_out()
        theme.follow(self._side, lambda: self._side.setMaximumWidth(theme.px(LIST_PX)))
        self.setFocusProxy(self.field)
        self._fill()

    @property
    def chosen(self) -> Component | None:
        index = self.list.currentIndex().row()
        return self.shown[index] if 0 <= index < len(self.shown) else None

    def choose(self, name: str) -> None:
        """For whoever leads here."""
        for index, each in enumerate(self.shown):
            if each.name == name:
                self._select(index)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self.listed and not self._asking.is_asking:
            self._asking.ask("Read licences", _read, self._show, self.notices.show_fault)

    def _show(self, listed: list[Component]) -> None:
        self.listed = listed
        self._fill()

    def _fill(self) -> None:
        before = self.chosen
        words = self.field.text().casefold().split()
        self.shown = [each for each in self.listed if _fits(each, words)]
        self.list.clear()
        for each in self.shown:
            item = QTreeWidgetItem([each.name, each.licence or _tr("see its text")])
            for column in (0, 1):
                item.setToolTip(column, item.text(column))
            self.list.addTopLevelItem(item)
        kept = self.shown.index(before) if before in self.shown else 0
        if self.shown:
            self._select(kept)
        self.nothing.setVisible(bool(self.listed) and not self.shown)
        self.list.setVisible(not self.nothing.isVisibleTo(self))
        self._show_text()

    def _select(self, row: int) -> None:
        self.list.setCurrentIndex(self.list.model().index(row, 0))

    def _show_text(self) -> None:
        from app.about.notices import notices_of

        chosen = self.chosen
        self.name.setText(f"{chosen.name} {chosen.version}".rstrip() if chosen else "")
        self.text.setPlainText(notices_of(chosen).partition("\n")[2].lstrip("\n") if chosen else "")
        self.copy.setEnabled(chosen is not None)
        self.home.setEnabled(chosen is not None and bool(chosen.homepage))

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(f"{self.name.text()}\n\n{self.text.toPlainText()}")

    def _open_home(self) -> None:
        if self.chosen is not None:
            question = _tr("Open the page of {name} in your browser?").format(name=self.chosen.name)
            links.ask_to_open(self.notices, self.chosen.homepage, question)

    def _lay_out(self) -> None:
        self._side = QWidget()
        side = QVBoxLayout(self._side)
        side.setContentsMargins(0, 0, 0, 0)
        side.setSpacing(8)
        side.addWidget(self.field)
        inside = QVBoxLayout()
        inside.setContentsMargins(4, 4, 4, 4)
        inside.addWidget(self.nothing)
        inside.addWidget(self.list, 1)
        side.addWidget(card(inside), 1)
        line = QWidget()
        head = QHBoxLayout(line)
        head.setContentsMargins(0, 0, 0, 0)
        head.setSpacing(8)
        head.addWidget(self.name, 1)
        head.addWidget(self.home)
        head.addWidget(self.copy)
        beside = QVBoxLayout()
        beside.setSpacing(8)
        beside.addWidget(line)
        GivingWay(line, [self.home, self.copy], lambda: usual_px(line))
        beside.addWidget(self.notices)
        beside.addWidget(self.text, 1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(16)
        row.addWidget(self._side, 2)
        row.addLayout(beside, 3)


def _read(control: JobControl) -> list[Component]:
    from app.about import components

    return components()


def _fits(component: Component, words: list[str]) -> bool:
    """What is compiled into it is found, too."""
    inside = " ".join(f"{each.name} {each.licence}" for each in component.inside)
    said = f"{component.name} {component.licence} {component.kind.value} {inside}".casefold()
    return all(word in said for word in words)


def _tr(text: str) -> str:
    return QCoreApplication.translate("About", text)
