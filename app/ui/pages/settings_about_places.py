"""Where Nibble keeps things, and nowhere else."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QVBoxLayout

from app.storage import DataFolder
from app.ui.notice import Kind, NoticeArea
from app.ui.parts import ElidedLabel, icon_button, label
from app.ui.reveal import reveal


class PlacesCard(QFrame):
    """`places`: names and paths, as they are shown."""

    def __init__(self, folder: DataFolder) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self.places = [
            (_tr("All of it"), folder.root),
            (_tr("Models"), folder.models),
            (_tr("Conversations"), folder.database),
            (_tr("Settings"), folder.settings),
            (_tr("Runtime packs"), folder.packs),
            (_tr("Logs"), folder.logs),
            (_tr("Cache"), folder.cache),
        ]
        self.notices = NoticeArea()
        grid = QGridLayout()
        grid.setHorizontalSpacing(24)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(1, 1)
        for row, (name, path) in enumerate(self.places):
            grid.addWidget(label(name, "muted"), row, 0)
            grid.addWidget(ElidedLabel(str(path), elide=Qt.TextElideMode.ElideMiddle), row, 1)
            shown = _tr("Show in the file manager: {name}").format(name=name)
            grid.addWidget(icon_button("folder-open", shown, partial(self._show, path)), row, 2)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 20)
        column.setSpacing(4)
        column.addWidget(label(_tr("Where Nibble keeps things"), "heading"))
        column.addWidget(
            label(
                _tr(
                    "Conversations and settings stay on this computer. To move them to another one, copy the first "
                    "folder while Nibble is closed."
                ),
                "muted",
                wrap=True,
            )
        )
        column.addSpacing(8)
        column.addLayout(grid)
        column.addWidget(self.notices)

    def _show(self, path: Path) -> None:
        if not reveal(path):
            self.notices.show_message(
                Kind.WARNING, _tr("No file manager could be opened on this computer."), str(path)
            )


def _tr(text: str) -> str:
    return QCoreApplication.translate("About", text)
