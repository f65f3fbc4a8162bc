"""Runtime packs that can be had for this computer, in the settings; each with why it suits, or why it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.core.errors import EnvironmentFault
from app.ui.latest import Latest
from app.ui.pack_offer import PackOfferRow
from app.ui.pack_offers import find_offers
from app.ui.parts import empty, label
from app.ui.services import Services

if TYPE_CHECKING:  # the engine is imported by the job that asks
    from app.hardware.pack_offers import PackOffer


class PackOffers(QWidget):
    """`failed` carries the fault for which there is no telling what suits."""

    failed = Signal(object)

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._getting = services.pack_getting
        self._asking = Latest(self)
        self._offers: tuple[PackOffer, ...] | None = None
        self.rows: list[PackOfferRow] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)
        self._getting.changed.connect(self._look_after_end)

    @property
    def offers(self) -> tuple[PackOffer, ...]:
        return self._offers or ()

    def look(self) -> None:
        """Finds out what suits this computer."""
        self._asking.ask("Look for packs that suit this computer", find_offers, self._show, self._fail)

    def _look_after_end(self) -> None:
        if not self._getting.is_running and self.isVisible():
            self.look()

    def _fail(self, fault: EnvironmentFault) -> None:
        self.failed.emit(fault)

    def _show(self, offers: tuple[PackOffer, ...]) -> None:
        if offers == self._offers:
            return
        self._offers = offers
        focused = next((row.offer.pack.name for row in self.rows if row.has_focus), None)
        empty(self._column)
        to_get = [offer for offer in offers if offer.suits and not offer.is_here]
        others = [offer for offer in offers if not offer.suits and not offer.is_here]
        self.rows = [PackOfferRow(offer, self._getting) for offer in to_get]
        self._column.addWidget(label(_tr("To download for this computer"), "strong"))
        for row in self.rows:
            self._column.addWidget(row)
        if not self.rows:
            self._column.addWidget(label(_nothing(offers), "muted", wrap=True))
        if others:
            self._column.addSpacing(4)
            self._column.addWidget(label(_tr("Not for this computer"), "strong"))
        for offer in others:
            told = _tr("{pack}: {reason}").format(pack=offer.pack.title, reason=offer.reason)
            self._column.addWidget(label(told, "muted", wrap=True))
        if focused is not None:
            self._focus(focused)

    def _focus(self, name: str) -> None:
        """Where the keyboard was, or beside it: rows are made anew."""
        row = next((row for row in self.rows if row.offer.pack.name == name), next(iter(self.rows), None))
        if row is not None:
            row.show()  # or it could not take the focus before the event loop has turned
            row.take_focus()


def _nothing(offers: tuple[PackOffer, ...]) -> str:
    if not offers:
        return _tr("This build of Nibble comes without a list of packs to download.")
    if any(offer.is_here for offer in offers):
        return _tr("All packs that suit this computer are here.")
    return _tr("None would make models faster here.")


def _tr(text: str) -> str:
    return QCoreApplication.translate("SettingsPage", text)
