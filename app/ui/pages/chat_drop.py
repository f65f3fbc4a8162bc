"""Files dropped onto the Chat page: those to attach; models and folders the window takes for the library."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

from PySide6.QtCore import QEvent, QObject
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QWidget

from app.ui.drop import DropVeil, dropped_models
from app.ui.pages.chat_message_field import local_files


class FileDrop(QObject):
    """Watches `page`, and covers it while files are dragged over it."""

    def __init__(
        self, page: QWidget, take: Callable[[list[Path]], object], veil: DropVeil | None = None
    ) -> None:
        super().__init__(page)
        self._take = take
        self.veil = veil or DropVeil(
            page,
            self.tr("Drop to attach"),
            self.tr("Their text goes with your next message."),
            "paperclip",
        )
        page.setAcceptDrops(True)
        page.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind in (QEvent.Type.DragEnter, QEvent.Type.Drop):
            drop = cast(QDropEvent, event)
            files = [] if dropped_models(drop.mimeData()) else local_files(drop.mimeData())
            if not files:
                drop.ignore()  # the window may want it
                return True
            drop.acceptProposedAction()
            if kind is QEvent.Type.DragEnter:
                self.veil.cover()
            else:
                self.veil.hide()
                self._take(files)
            return True
        if kind is QEvent.Type.DragLeave:
            self.veil.hide()
        return super().eventFilter(watched, event)
