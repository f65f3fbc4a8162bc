"""Work of the Library that takes long: a card for each piece, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.core.errors import EnvironmentFault
from app.core.jobs import Job, JobControl
from app.ui import jobs

if TYPE_CHECKING:
    from app.ui.pages.library_making import MakingCard


@dataclass(frozen=True)
class Order:
    """What is to be done, with the card that shows how far it is. `name`: for logs."""

    card: MakingCard
    name: str
    work: Callable[[JobControl], Any]
    done: Callable[[Any], None]
    failed: Callable[[EnvironmentFault], None]


class CardQueue(QWidget):
    """Two at once would only slow each other down."""

    def __init__(self) -> None:
        super().__init__()
        self._orders: list[Order] = []
        self._job: Job[Any] | None = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)
        self.hide()

    @property
    def cards(self) -> tuple[MakingCard, ...]:
        """The first one runs, the others wait."""
        return tuple(order.card for order in self._orders)

    def add(self, order: Order) -> None:
        self._orders.append(order)
        self._column.addWidget(order.card)
        self.show()
        self._run_next()

    def cancel(self, card: MakingCard) -> None:
        if self._job is not None and card is self._orders[0].card:
            card.lines.show_cancelling()
            self._job.cancel()
        else:
            self.drop(card)

    def _run_next(self) -> None:
        if self._job is not None or not self._orders:
            return
        order = self._orders[0]
        self._job = jobs.run(
            self,
            order.name,
            order.work,
            on_progress=order.card.lines.show_progress,
            on_done=order.done,
            on_failed=order.failed,
            on_end=lambda: self._ended(order.card),
        )

    def _ended(self, card: MakingCard) -> None:
        self._job = None
        self.drop(card)
        self._run_next()

    def drop(self, card: MakingCard) -> None:
        """It is done with, whatever came of it."""
        self._orders = [order for order in self._orders if order.card is not card]
        card.hide()
        card.deleteLater()
        self.setVisible(bool(self._orders))
