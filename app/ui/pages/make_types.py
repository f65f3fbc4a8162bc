"""The types that can be made of a source, to choose several of, with their sizes, costs and how they would run."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTreeWidget, QTreeWidgetItem

from app.core.units import format_bytes
from app.ui import fit_words, theme
from app.ui.parts import plain_tip

if TYPE_CHECKING:  # the engine comes with the job that looks
    from app.convert.offers import MakingOffer, TypeOffer

USUAL = (
    "F16",
    "BF16",
    "Q8_0",
    "Q6_K",
    "Q5_K_M",
    "Q4_K_M",
    "Q4_0",
    "IQ4_XS",
    "Q3_K_M",
    "IQ3_XXS",
    "Q2_K",
    "IQ2_M",
)
"""What most people choose from; the others show when they are asked for."""
_NAME = int(Qt.ItemDataRole.UserRole)
_NARROW_PX = 560
_WIDTHS_PX = {1: 92, 2: 56, 3: 140}


class _Column(IntEnum):
    TYPE = 0
    SIZE = 1
    BITS = 2
    VERDICT = 3
    LOSS = 4


class TypeList(QTreeWidget):
    """`chosen_changed`: others are chosen now."""

    chosen_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._items: dict[str, QTreeWidgetItem] = {}
        self._offers: dict[str, TypeOffer] = {}
        self._shows_all = False
        self.setAccessibleName(_tr("Types to make"))
        self.setColumnCount(len(_Column))
        self.setHeaderLabels([_tr("Type"), _tr("Size"), _tr("Bits"), _tr("Here"), _tr("What it costs")])
        head = self.headerItem()
        for column, tip in (
            (_Column.SIZE, _tr("Of the file, predicted")),
            (_Column.BITS, _tr("For each weight, on average")),
            (_Column.VERDICT, _tr("Where it would have room on this computer now")),
            (_Column.LOSS, _tr("Expected from published measurements")),
        ):
            head.setToolTip(column, tip)
        for column in (_Column.SIZE, _Column.BITS):
            head.setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setProperty("role", "facts")
        self.header().setStretchLastSection(True)
        self.header().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.header().setSectionsClickable(False)
        self.itemChanged.connect(lambda item, column: self.chosen_changed.emit())
        self.itemClicked.connect(self._click)
        theme.follow(self, self._share_width)

    @property
    def chosen(self) -> list[TypeOffer]:
        """Best quality first."""
        checked = Qt.CheckState.Checked
        return [self._offers[name] for name, item in self._items.items() if item.checkState(0) is checked]

    @property
    def listed(self) -> list[str]:
        """What is shown, from top to bottom."""
        return [name for name, item in self._items.items() if not item.isHidden()]

    def show_offer(self, offer: MakingOffer, meant: str) -> None:
        """`meant`: the type that is chosen at first; empty for the recommended one."""
        self.clear()
        self._offers = {each.kind.name: each for each in offer.offers}
        self._items = {}
        best = next((each.kind.name for each in offer.offers if each.is_recommended), "")
        first = meant if meant in self._offers else best
        for each in offer.offers:
            item = self._items[each.kind.name] = _item(each)
            item.setCheckState(
                0, Qt.CheckState.Checked if each.kind.name == first else Qt.CheckState.Unchecked
            )
            self.addTopLevelItem(item)
        self.show_all(self._shows_all)
        if first in self._items:
            self.setCurrentItem(self._items[first])
            self.scrollToItem(self._items[first])
        self.chosen_changed.emit()

    def show_all(self, all_: bool) -> None:
        """Or the usual ones alone, with those that are chosen or stand out."""
        self._shows_all = all_
        for name, item in self._items.items():
            stands_out = (
                self._offers[name].rounding in ("kept", "trained") or self._offers[name].is_recommended
            )
            is_chosen = item.checkState(0) is Qt.CheckState.Checked
            item.setHidden(not (all_ or name in USUAL or stands_out or is_chosen))

    def choose(self, name: str, chosen: bool = True) -> None:
        self._items[name].setCheckState(0, Qt.CheckState.Checked if chosen else Qt.CheckState.Unchecked)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._share_width()

    def _click(self, item: QTreeWidgetItem, column: int) -> None:
        """The whole row is the box: the box itself is small, and Qt has turned it already where it was hit."""
        if column != _Column.TYPE:
            is_checked = item.checkState(0) is Qt.CheckState.Checked
            item.setCheckState(0, Qt.CheckState.Unchecked if is_checked else Qt.CheckState.Checked)

    def _share_width(self) -> None:
        narrow = self.viewport().width() < theme.px(_NARROW_PX)
        self.setColumnHidden(_Column.BITS, narrow)
        self.setColumnHidden(_Column.VERDICT, narrow)
        self.header().resizeSection(_Column.TYPE, theme.px(104))
        for column, width in _WIDTHS_PX.items():
            self.header().resizeSection(column, theme.px(width))


def _item(offer: TypeOffer) -> QTreeWidgetItem:
    kind = offer.kind
    verdict = fit_words.verdict_look(offer.step.fit.verdict).words if offer.step is not None else ""
    item = QTreeWidgetItem(
        [kind.name, format_bytes(offer.file_bytes), f"{offer.bits_per_weight:.1f}", verdict, cost(offer)]
    )
    item.setData(0, _NAME, kind.name)
    for column in (_Column.SIZE, _Column.BITS):
        item.setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    tip = plain_tip(f"{kind.name}: {kind.summary}\n{cost(offer)}")
    for column in _Column:
        item.setToolTip(column, tip)
    item.setData(
        0,
        int(Qt.ItemDataRole.AccessibleTextRole),
        ", ".join(filter(None, (kind.name, format_bytes(offer.file_bytes), verdict, cost(offer)))),
    )
    if offer.is_recommended:
        for column in (_Column.TYPE, _Column.SIZE):
            item.setFont(column, theme.font("body", strong=True))
    return item


def cost(offer: TypeOffer) -> str:
    """`best here · small losses`"""
    match offer.rounding:
        case "kept":
            told = _tr("the same integers, not rounded again")
        case "trained":
            told = _tr("what it was trained for")
        case "exact":
            told = _tr("every weight as it is")
        case "twice":
            told = _tr("{loss}, rounded twice").format(loss=offer.loss)
        case _:
            told = offer.loss
    parts = [_tr("best here") if offer.is_recommended else "", told]
    if offer.kind.needs_importance_matrix:
        parts.append(_tr("needs a text"))
    return " · ".join(filter(None, parts))


def _tr(text: str) -> str:
    return QCoreApplication.translate("MakePanel", text)
