"""The menu of types that can be made of a model or a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QPoint
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from app.core.units import format_bytes
from app.ui.parts import plain_tip

if TYPE_CHECKING:
    from app.convert import Quantization
    from app.convert.checkpoint.prospect import Prospect

USUAL = ("Q4_K_M", "Q8_0")
"""The types that get a line of their own: the most common one, and the one that loses almost nothing."""

OF_EXPERTS = "MXFP4_MOE"
"""Makes only experts smaller: left out where there are none."""


def fill_type_menu(
    menu: QMenu,
    sizes: Mapping[str, int],
    without: Collection[str | None],
    start: Callable[[str], object],
    more: Callable[[str], object],
    kept: str | None = None,
    trained_for: str | None = None,
) -> None:
    """Adds a line for each type but those of `without`. `sizes`: bytes of the files, of those that can be told; `kept`:
    the type that holds what is quantized already as it is, `trained_for`: the one that it was trained for; they stand
    first. `more`: asked for all that can be chosen, with the type that was meant or "".
    """
    from app.convert import QUANTIZATIONS

    kinds = {kind.name: kind for kind in QUANTIZATIONS if kind.name not in without}
    marks = {
        kept: _tr("{words}, rounded no second time"),
        trained_for: _tr("{words}, for which it was trained"),
    }
    for name in dict.fromkeys((kept, trained_for, *USUAL)):
        if name in kinds:
            kind = kinds.pop(name)
            menu.addAction(_action(menu, sizes, kind, start, marks.get(name, "{words}")))
    others = menu.addMenu(_tr("Other types"))
    for kind in kinds.values():
        if kind.needs_importance_matrix:  # for which a text has to be chosen first
            others.addAction(_action(others, sizes, kind, more, _tr("{words}, calibrated…")))
        else:
            others.addAction(_action(others, sizes, kind, start))
    menu.addSeparator()
    several = menu.addAction(_tr("Several, calibrated, elsewhere…"))
    several.setToolTip(
        _tr("Choose types with what each would cost and take, a text to calibrate with, and a folder")
    )
    several.triggered.connect(lambda: more(""))
    for each in (menu, others):
        each.setToolTipsVisible(True)


def fill_checkpoint_menu(
    menu: QMenu, prospect: Prospect, start: Callable[[str], object], more: Callable[[str], object]
) -> None:
    """Adds a line for each type that can be made of a checkpoint."""
    without = () if prospect.has_experts else (OF_EXPERTS,)
    fill_type_menu(menu, prospect.sizes, without, start, more, prospect.kept, prospect.trained_for)


def rounding_of(prospect: Prospect) -> str:
    """What a GGUF leaves out, or what a type does to a checkpoint that is quantized already or was trained to be; may
    be empty."""
    if prospect.leaves_out:
        return _tr("Made of it is the text part, without {part}.").format(part=prospect.leaves_out)
    if prospect.method is None and prospect.trained_for is not None:
        return _tr(
            "It was trained to be quantized to {type}; any other type of its size costs it more."
        ).format(type=prospect.trained_for)
    if prospect.method is None:
        return ""
    if prospect.method == "mxfp4":
        return _tr("Its MXFP4 experts stay as they are in {type}; other types may round them again.").format(
            type=prospect.kept
        )
    if prospect.kept is None:
        return _tr("No type of GGUF holds its numbers as they are: each one rounds them a second time.")
    return _tr("{type} holds the same integers; every other quantization rounds them a second time.").format(
        type=prospect.kept
    )


def pop_up_under(menu: QMenu, corner: QPoint) -> None:
    """Under the button whose right lower corner that is on the screen, and not beyond the window's edge."""
    menu.popup(corner - QPoint(menu.sizeHint().width(), -4))


def _action(
    menu: QMenu,
    sizes: Mapping[str, int],
    kind: Quantization,
    start: Callable[[str], object],
    mark: str = "{words}",
) -> QAction:
    words = mark.format(words=_tr("Make {type}").format(type=kind.name))
    if kind.name in sizes:
        size = _tr("about {size}").format(size=format_bytes(sizes[kind.name]))
        words = f"{words}\t{size}"
    action = QAction(words, menu)
    tip = _tr("{summary} ({bits:.1f} bits per weight)").format(
        summary=kind.summary, bits=kind.bits_per_weight
    )
    if kind.needs_importance_matrix:
        tip = _tr("{tip}\nNeeds an importance matrix, for which a text is chosen first.").format(tip=tip)
    action.setToolTip(plain_tip(tip))
    action.triggered.connect(lambda: start(kind.name))
    return action


def _tr(text: str) -> str:
    return QCoreApplication.translate("MakeMenu", text)
