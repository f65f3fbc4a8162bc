"""Which versions of its parts this Nibble has, to be copied into a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QGuiApplication, QShowEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QVBoxLayout

from app.core.errors import EnvironmentFault
from app.core.jobs import JobControl
from app.ui.latest import Latest
from app.ui.notice import NoticeArea
from app.ui.parts import button, empty, label

if TYPE_CHECKING:  # read by a job
    from app.about import Versions


class VersionsCard(QFrame):
    """`rows`: what is shown, names and values."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self.rows: list[tuple[str, str]] = []
        self._asking = Latest(self)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(24)
        self._grid.setVerticalSpacing(6)
        self._grid.setColumnStretch(1, 1)
        self.notices = NoticeArea()
        self.copy = button(_tr("Copy"), self._copy, glyph="copy", tip=_tr("Copy the versions, for a report"))
        self.copy.setEnabled(False)
        head = QHBoxLayout()
        head.addWidget(label(_tr("Versions"), "heading"), 1)
        head.addWidget(self.copy)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 20)
        column.setSpacing(8)
        column.addLayout(head)
        column.addLayout(self._grid)
        column.addWidget(self.notices)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not event.spontaneous():  # another runtime pack may be in use by now
            self._asking.ask("Read versions", _read, self._show, self._show_fault)

    def _show(self, versions: Versions) -> None:
        self.notices.clear()
        self.rows = _rows(versions)
        empty(self._grid)
        for row, (name, value) in enumerate(self.rows):
            shown = label(value, wrap=True)
            shown.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._grid.addWidget(label(name, "muted"), row, 0, Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(shown, row, 1, Qt.AlignmentFlag.AlignTop)
        self.copy.setEnabled(True)

    def _show_fault(self, fault: EnvironmentFault) -> None:
        self.notices.show_fault(fault)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText("\n".join(f"{name}: {value}" for name, value in self.rows))


def _read(control: JobControl) -> Versions:
    from app.about import read_versions

    return read_versions()


def _rows(versions: Versions) -> list[tuple[str, str]]:
    ggml = _tr(" (ggml {version})").format(version=versions.ggml) if versions.ggml else ""
    how = _tr("packaged program") if versions.frozen else _tr("from source")
    rows = [
        (_tr("Nibble"), f"{versions.nibble}, {how}"),
        (_tr("llama-cpp-python"), f"{versions.llama_cpp_python}{ggml}"),
        (_tr("Runtime pack"), versions.pack),
        (_tr("Python"), versions.python),
        (_tr("Qt"), versions.qt or ""),
        (_tr("System"), f"{versions.system}, {versions.machine}"),
    ]
    return [row for row in rows if row[1]]


def _tr(text: str) -> str:
    return QCoreApplication.translate("About", text)
