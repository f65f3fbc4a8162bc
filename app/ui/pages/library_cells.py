"""How a row of the Library is painted: name, quantization and verdict, and how wide columns are for them."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QRect
from PySide6.QtGui import QFontMetrics, QPainter

from app.ui import fit_words, guide, icons, theme
from app.ui.pages.library_rows import Column, Row
from app.ui.pages.library_words import state_look
from app.ui.paint import paint_chip, paint_text, two_lines

CHIP_PX = 24
GLYPH_PX = 18
MARK_PX = 14
PADDING = 8


def paint_name(painter: QPainter, area: QRect, row: Row) -> None:
    upper, lower = two_lines(area)
    if row.built_in:
        font = theme.font("body", strong=True)
        upper.setRight(guide.paint_badge_behind(painter, upper, row.title, font))
    paint_text(painter, upper, row.title, "body", "text", strong=True)
    if row.state != "ok":
        lower.setLeft(_paint_mark(painter, lower, row))
    paint_text(painter, lower, " · ".join(filter(None, (row.family, row.subtitle))), "caption", "muted")


def _paint_mark(painter: QPainter, line: QRect, row: Row) -> int:
    """The state of a file that can be used all the same; returns where the words behind it begin."""
    look = state_look(row.state)
    glyph = QRect(line.left(), line.center().y() - MARK_PX // 2 + 1, MARK_PX, MARK_PX)
    icons.paint(painter, glyph, look.glyph, theme.current().colour(look.colour))
    words = line.adjusted(MARK_PX + 4, 0, 0, 0)
    paint_text(painter, words, look.words, "caption", look.colour, strong=True)
    width = QFontMetrics(theme.font("caption", strong=True)).horizontalAdvance(look.words)
    return words.left() + width + PADDING


def paint_quantization(painter: QPainter, area: QRect, row: Row, lit: bool) -> None:
    caption = QFontMetrics(theme.font("caption")).height()
    top = area.center().y() - (CHIP_PX + 2 + caption) // 2
    chip = QRect(area.left(), top, area.width(), CHIP_PX)
    paint_chip(painter, chip, row.quantization or "?", "surface" if lit else "chip")
    if row.bits_per_weight:
        below = QRect(area.left() + PADDING, chip.bottom() + 3, area.width() - PADDING, caption)
        bits = _tr("{bits:.2f} bits").format(bits=row.bits_per_weight)
        paint_text(painter, below, bits, "caption", "muted")


def paint_verdict(painter: QPainter, area: QRect, row: Row) -> None:
    if row.fit is None:
        return
    look = fit_words.verdict_look(row.fit.verdict)
    upper, lower = two_lines(area)
    paint_look(painter, upper, look.glyph, look.colour, look.words)
    paint_text(
        painter,
        lower.adjusted(GLYPH_PX + 6, 0, 0, 0),
        fit_words.left_over(row.fit),
        "caption",
        "danger" if row.fit.free_bytes < 0 else "muted",
    )


def paint_look(painter: QPainter, line: QRect, glyph: str, colour: str, words: str) -> None:
    place = QRect(line.left(), line.center().y() - GLYPH_PX // 2 + 1, GLYPH_PX, GLYPH_PX)
    icons.paint(painter, place, glyph, theme.current().colour(colour))
    paint_text(painter, line.adjusted(GLYPH_PX + 6, 0, 0, 0), words, "body", colour, strong=True)


def width_of(column: Column, title: str) -> int:
    """Wide enough for the title (in any language) with its sorting mark, and for what is in it, in pixels."""
    strong = QFontMetrics(theme.font("body", strong=True))
    body = QFontMetrics(theme.font("body"))
    match column:
        case Column.QUANTIZATION:
            inside = QFontMetrics(theme.font("caption", strong=True)).horizontalAdvance("MXFP4_MOE") + 16
        case Column.SOURCE:
            inside = body.horizontalAdvance("Hugging Face cache")
        case Column.LICENCE:
            inside = body.horizontalAdvance("apache-2.0")
        case Column.LAST_USED:
            inside = body.horizontalAdvance("28 days ago")
        case Column.VERDICT:
            words = [fit_words.verdict_look(each).words for each in fit_words.VERDICTS]
            inside = max(map(strong.horizontalAdvance, words)) + GLYPH_PX + 6
        case _:
            inside = body.horizontalAdvance("9.99 MB")
    return max(QFontMetrics(theme.font("caption")).horizontalAdvance(f"{title} ↑"), inside) + 20


def _tr(text: str) -> str:
    return QCoreApplication.translate("LibraryPage", text)
