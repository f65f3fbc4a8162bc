"""Discover: the runtime pack that would use what is in this computer, while it is not here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from app.core.errors import EnvironmentFault
from app.ui.latest import Latest
from app.ui.notice import Kind, NoticeArea
from app.ui.pack_getting import PackGetting
from app.ui.pack_offer import PackOfferRow
from app.ui.pack_offers import find_offers
from app.ui.parts import icon_button

if TYPE_CHECKING:  # the engine is imported by the job that asks
    from app.hardware.pack_offers import PackOffer
    from app.runtime.packs import PackState


class PackHint(QFrame):
    """Hidden where there is nothing to gain, and for this window once it was put away. `arrived`: a pack has come,
    which may use other devices; `notices` is where that is told."""

    arrived = Signal()

    def __init__(self, getting: PackGetting, notices: NoticeArea) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self._getting = getting
        self._notices = notices
        self._asking = Latest(self)
        self._is_away = False
        self.row: PackOfferRow | None = None
        self._place = QHBoxLayout()
        self.away = icon_button("x", _tr("Not now"), self._put_away, tip=_tr("Not now; Settings has it, too"))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(16, 6, 8, 6)
        layout.setSpacing(8)
        layout.addLayout(self._place, 1)
        layout.addWidget(self.away, 0, Qt.AlignmentFlag.AlignTop)
        getting.arrived.connect(self._hear)
        self.hide()

    def look(self) -> None:
        """Whether there is one."""
        if not self._is_away:
            self._asking.ask(
                "Look for a pack that suits this computer", find_offers, self._show, self._ignore
            )

    def _show(self, offers: tuple[PackOffer, ...]) -> None:
        best = next((offer for offer in offers if offer.is_best), None)
        if self.row is not None and best == self.row.offer:
            return
        if self.row is not None:
            self._place.removeWidget(self.row)
            self.row.hide()
            self.row.deleteLater()
        self.row = PackOfferRow(best, self._getting, stands_alone=True) if best is not None else None
        if self.row is not None:
            self._place.addWidget(self.row)
        self.setVisible(self.row is not None)

    def _ignore(self, fault: EnvironmentFault) -> None:
        """Nobody has asked; Settings tells it to who does."""

    def _hear(self, state: PackState) -> None:
        title = state.pack.name
        if state.fault:
            told = _tr("The runtime pack {title} is here, but cannot be used.").format(title=title)
            self._notices.show_message(Kind.WARNING, told, state.fault)
        else:
            told = _tr("The runtime pack {title} is here.").format(title=title)
            self._notices.show_good(
                told, _tr("Models that are loaded from now on run on the fastest that works.")
            )
        self.look()
        self.arrived.emit()

    def _put_away(self) -> None:
        self._is_away = True
        beside: QWidget | None = self.nextInFocusChain()
        self.hide()
        if beside is not None:
            beside.setFocus()


def _tr(text: str) -> str:
    return QCoreApplication.translate("DiscoverPage", text)
