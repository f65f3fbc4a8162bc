"""The menu of types that can be made of a model or a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QPoint
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from app.core.units import format_bytes
from app.ui.parts import plain_tip

if TYPE_CHECKING:
    from app.convert import Quantization

USUAL = ("Q4_K_M", "Q8_0")
"""The types that get a line of their own: the most common one, and the one that loses almost nothing."""

OF_CHECKPOINTS = ("MXFP4_MOE",)
"""Left out for checkpoints: makes only experts smaller, and no architecture that is converted has any."""


def fill_type_menu(
    menu: QMenu, parameters: int | None, without: Collection[str | None], start: Callable[[str], object]
) -> None:
    """Adds a line for each type but those of `without`. `parameters` tell how large the files will be."""
    from app.convert import QUANTIZATIONS

    kinds = {kind.name: kind for kind in QUANTIZATIONS if kind.name not in without}
    for name in USUAL:
        if name in kinds:
            menu.addAction(_action(menu, parameters, kinds.pop(name), start))
    others = menu.addMenu(_tr("Other types"))
    for kind in kinds.values():
        others.addAction(_action(others, parameters, kind, start))
    for each in (menu, others):
        each.setToolTipsVisible(True)


def pop_up_under(menu: QMenu, corner: QPoint) -> None:
    """Under the button whose right lower corner that is on the screen, and not beyond the window's edge."""
    menu.popup(corner - QPoint(menu.sizeHint().width(), -4))


def _action(
    menu: QMenu, parameters: int | None, kind: Quantization, start: Callable[[str], object]
) -> QAction:
    words = _tr("Make {type}").format(type=kind.name)
    if parameters:
        size = _tr("about {size}").format(size=format_bytes(round(parameters * kind.bits_per_weight / 8)))
        words = f"{words}\t{size}"
    action = QAction(words, menu)
    tip = _tr("{summary} ({bits:.1f} bits per weight)").format(
        summary=kind.summary, bits=kind.bits_per_weight
    )
    if kind.needs_importance_matrix:
        tip = _tr("{tip}\nNeeds an importance matrix, which Nibble cannot make yet.").format(tip=tip)
        action.setEnabled(False)
    action.setToolTip(plain_tip(tip))
    action.triggered.connect(lambda: start(kind.name))
    return action


def _tr(text: str) -> str:
    return QCoreApplication.translate("MakeMenu", text)
