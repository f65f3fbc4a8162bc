"""Try it now, offline: makes two quantizations of the built-in model, and shows that where the person looks."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QObject, Signal

from app.core.errors import EnvironmentFault
from app.core.jobs import Progress
from app.storage import DataFolder
from app.ui.guide_making import GuideMaker
from app.ui.pages.library_making import MakingCard
from app.ui.pages.library_offer import GuideOffer


class Trial(QObject):
    """Shown in the `offer` of the first start, and in `card` where there is a list instead (see `show_offer`).

    `made` carries the paths and the first question to ask; `failed` a fault, which the offer shows, too. `ended`
    comes last, whatever happened.
    """

    made = Signal(object, str)
    failed = Signal(object)
    ended = Signal()

    def __init__(self, folder: DataFolder, offer: GuideOffer, parent: QObject) -> None:
        super().__init__(parent)
        self._offer = offer
        self._offered = False
        self.card = MakingCard(_tr("Making the built-in model"), self.cancel)
        self.card.hide()
        self._maker = GuideMaker(folder, self)
        self._maker.progressed.connect(self._show_progress)
        self._maker.made.connect(self._finish)
        self._maker.failed.connect(self._fail)
        self._maker.ended.connect(self._end)
        offer.try_asked.connect(self.start)
        offer.cancel_asked.connect(self.cancel)

    @property
    def running(self) -> bool:
        return self._maker.running

    @property
    def keeps_its_place(self) -> bool:
        """Whether the offer, if that is where the person looks, has something to say."""
        return self.running or self._offer.fault_card is not None

    def forget_fault(self) -> None:
        """The person has seen it."""
        if not self.running:
            self._offer.show_begin()

    def show_offer(self, offered: bool) -> None:
        """Whether the person sees the offer now."""
        self._offered = offered
        self.card.setVisible(self.running and not offered)

    def start(self) -> None:
        if self._maker.wanted:
            return
        from app.guide import GUIDE_QUANTIZATIONS

        self._offer.show_making()
        self.card.lines.show_words(_tr("Begins…"))
        self._maker.make(GUIDE_QUANTIZATIONS)
        self.show_offer(self._offered)

    def cancel(self) -> None:
        for lines in (self._offer.lines, self.card.lines):
            lines.show_cancelling()
        self._maker.cancel()

    def _show_progress(self, progress: Progress) -> None:
        for lines in (self._offer.lines, self.card.lines):
            lines.show_progress(progress)

    def _finish(self, paths: object) -> None:
        from app.guide import FIRST_QUESTION

        self.made.emit(paths, FIRST_QUESTION)

    def _fail(self, fault: EnvironmentFault) -> None:
        self._offer.show_fault(fault)
        self.failed.emit(fault)

    def _end(self) -> None:
        self._offer.show_idle()
        self.card.hide()
        self.ended.emit()


def _tr(text: str) -> str:
    return QCoreApplication.translate("LibraryPage", text)
