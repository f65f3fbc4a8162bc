"""The built-in model in a chat: made when it is chosen before it is there."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.core.jobs import Progress
from app.storage import DataFolder
from app.ui.guide import GuideMaker
from app.ui.notice import NoticeArea
from app.ui.pages.chat_known import CHAT_GUIDE
from app.ui.pages.chat_models import ChatHead, ModelPicker


class GuideForChat(QObject):
    """Shows in the head how far it is; `ready` carries the file that was made."""

    ready = Signal(object)

    def __init__(
        self, folder: DataFolder, picker: ModelPicker, head: ChatHead, notices: NoticeArea, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._head = head
        self._maker = GuideMaker(folder, self)
        self._maker.progressed.connect(self._show)
        self._maker.made.connect(self._tell)
        self._maker.failed.connect(notices.show_fault)
        self._maker.ended.connect(lambda: head.show_loading(None))
        head.cancel_asked.connect(self._maker.cancel)
        picker.picked.connect(self._maker.cancel)  # another one was chosen meanwhile
        picker.guide_picked.connect(self.make)

    @property
    def running(self) -> bool:
        return self._maker.running

    def cancel(self) -> None:
        self._maker.cancel()

    def make(self) -> None:
        self._maker.make([CHAT_GUIDE])
        self._show(Progress(self.tr("Begins")))

    def _show(self, progress: Progress) -> None:
        self._head.show_loading(progress, self.tr("Making the model"))

    def _tell(self, paths: list[Path]) -> None:
        self.ready.emit(paths[0])
