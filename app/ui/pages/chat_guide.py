"""The built-in model in a chat: made when it is chosen before it is there."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.core.errors import DamagedGguf, EnvironmentFault, NotGguf
from app.core.jobs import Progress
from app.storage import DataFolder
from app.ui.guide_making import GuideMaker
from app.ui.notice import NoticeArea
from app.ui.pages.chat_known import CHAT_GUIDE
from app.ui.pages.chat_models import ChatHead, ModelPicker


class GuideForChat(QObject):
    """Shows in the head how far it is; `ready` carries the file that was made for the chat that is open.

    Who opens another chat must `cancel`: it is not for that one; so must who hears the head's Cancel while it is
    `busy`. `changed`: whether it is.
    """

    ready = Signal(object)
    changed = Signal()

    def __init__(
        self, folder: DataFolder, picker: ModelPicker, head: ChatHead, notices: NoticeArea, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._folder = folder
        self._head = head
        self._maker = GuideMaker(folder, self)
        self._maker.progressed.connect(self._show)
        self._maker.made.connect(self._tell)
        self._maker.failed.connect(notices.show_fault)
        self._maker.ended.connect(self.changed)
        picker.picked.connect(self.cancel)  # another one was chosen meanwhile
        picker.guide_picked.connect(self.make)

    @property
    def busy(self) -> bool:
        """Whether the head shows how far it is."""
        return self._maker.wanted

    @property
    def why_wait(self) -> str:
        """Why nothing can be sent yet; empty where that is not because of this."""
        return self.tr("As soon as the model is made") if self.busy else ""

    def cancel(self) -> None:
        if self.busy:
            self._maker.cancel()
            self._head.show_loading(None)
            self.changed.emit()

    def explained(self, fault: EnvironmentFault, model: Path | None) -> EnvironmentFault:
        """What a fault of `model` asks for where that is the guide: what is damaged need not be downloaded."""
        from app.library import is_built_in

        if model is None or not is_built_in(model, self._folder):
            return fault
        if not isinstance(fault, DamagedGguf | NotGguf):
            return fault
        again = self.tr("Choose the built-in model again: it is made anew, in seconds.")
        return type(fault)(fault.message, again, fault.log)

    def make(self) -> None:
        self._maker.make([CHAT_GUIDE])
        self._show(Progress(self.tr("Begins")))
        self.changed.emit()

    def _show(self, progress: Progress) -> None:
        self._head.show_loading(progress, self.tr("Making the model"))

    def _tell(self, paths: list[Path]) -> None:
        self._head.show_loading(None)
        self.ready.emit(paths[0])
