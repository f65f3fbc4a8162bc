"""How the window says in which way a model was made here, and what that cost it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication

from app.core.units import format_bytes, format_duration
from app.ui.pages.library_words import describe_moment

if TYPE_CHECKING:  # the engine comes with the job that looks
    from app.convert.made import Making


def error(relative: float | None) -> str:
    """`7.17 %`, with as many digits as tell something."""
    if relative is None:
        return "–"
    percent = 100 * relative
    if percent == 0:
        return "0 %"
    if percent < 0.001:
        return "< 0.001 %"
    return f"{percent:.{1 if percent >= 10 else 2 if percent >= 0.1 else 3}f} %"


def rounding(making: Making) -> str:
    """In a few words."""
    match making.rounding:
        case "exact":
            return _tr("none")
        case "kept":
            return _tr("none: same integers")
        case "trained":
            return _tr("once, as it was trained for")
        case "twice":
            return _tr("twice")
        case _:
            return _tr("once")


def rounding_explained(making: Making) -> str:
    """A sentence."""
    form = making.source_form or _tr("its source")
    match making.rounding:
        case "exact":
            return _tr("Every weight is what it is in the source.")
        case "kept" if making.quantization == "Q4_1":
            return _tr(
                "The integers and scales of {form}, as they were; only the minimum of each block, a product of two "
                "of them, is rounded to 16 bits."
            ).format(form=form)
        case "kept":
            return _tr("The integers and scales of {form}, as they were.").format(form=form)
        case "trained":
            return _tr("It was trained to be rounded to {type}, and so lives well with it.").format(
                type=making.quantization
            )
        case "twice":
            return _tr("{form} had rounded the weights already, and they were rounded again.").format(
                form=form
            )
        case _:
            return _tr("From {form}, the precision it was published in.").format(form=form)


def calibration(making: Making) -> str:
    return making.calibrated_with or _tr("nothing")


def in_one_line(making: Making) -> str:
    """`Made here of bard-bf16.gguf (BF16), rounded once; error 4.22 %`"""
    form = f" ({making.source_form})" if making.source_form else ""
    words = _tr("Of {source}{form}").format(source=making.source_name, form=form)
    words += {
        "exact": _tr(", without rounding"),
        "kept": _tr(", with the same integers"),
        "trained": _tr(", rounded as it was trained for"),
        "once": _tr(", rounded once"),
        "twice": _tr(", rounded twice"),
    }[making.rounding]
    if making.calibrated_with:
        words += _tr(", calibrated with {text}").format(text=making.calibrated_with)
    if making.errors is not None:
        words += _tr(". Error of the weights: {error}").format(error=error(making.errors.relative))
    return f"{words}."


def size(file_bytes: int, source_bytes: int | None) -> str:
    if not source_bytes:
        return format_bytes(file_bytes)
    return _tr("{size} ({percent} %)").format(
        size=format_bytes(file_bytes), percent=round(100 * file_bytes / source_bytes)
    )


def when(making: Making) -> str:
    """`27 11 2026 06:12, in 12 s`"""
    moment = describe_moment(making.made_at)
    if not making.took_s:
        return moment
    return _tr("{when}, in {time}").format(when=moment, time=format_duration(max(making.took_s, 1)))


def error_explained() -> str:
    return _tr(
        "How far the weights are from those of the source: the root mean square of the differences, relative to that "
        "of the weights. Usual are 0.5 % for Q8_0, 2 % for Q6_K, 7 % for Q4_K and 30 % for Q2_K."
    )


def _tr(text: str) -> str:
    return QCoreApplication.translate("LibraryResult", text)
