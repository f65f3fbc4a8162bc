"""The mark, and the page that stands for a model's file, as SVG for the number of pixels they are shown at.

The mark is `resources/icons/nibble.svg`. Scaled to few pixels its cells would lie between them and become a haze: for
small sizes they are laid on whole pixels, by the table here. The colours are always that file's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

MARK = Path(__file__).parents[1] / "resources" / "icons" / "nibble.svg"

_SIDE = 64
"""Of the mark in its file."""
_CORNER = 15 / _SIDE
"""The radius of its ground, in parts of its side."""

_PAPER, _EDGE, _FOLD = "#FFFFFF", "#8FA8A4", "#D5E3E0"


@dataclass(frozen=True)
class _Grid:
    """Four columns and two rows of cells on a ground, in pixels. `margin`: free beside them; columns are `column` wide
    and `gap` apart (those in the middle `middle`), rows are `row` high and `between` apart."""

    margin: int
    column: int
    gap: int
    middle: int
    row: int
    between: int

    @property
    def side(self) -> int:
        return 2 * self.margin + 4 * self.column + 2 * self.gap + self.middle

    @property
    def columns(self) -> tuple[int, ...]:
        step = self.column + self.gap
        third = self.margin + step + self.column + self.middle
        return self.margin, self.margin + step, third, third + step

    @property
    def rows(self) -> tuple[int, ...]:
        first = (self.side - 2 * self.row - self.between) // 2
        return first, first + self.row + self.between


GRIDS = {
    grid.side: grid
    for grid in (
        _Grid(margin=1, column=1, gap=1, middle=1, row=3, between=1),
        _Grid(margin=1, column=1, gap=1, middle=2, row=3, between=2),
        _Grid(margin=2, column=1, gap=1, middle=2, row=3, between=2),
        _Grid(margin=1, column=2, gap=1, middle=2, row=4, between=2),
        _Grid(margin=2, column=2, gap=1, middle=2, row=5, between=2),
        _Grid(margin=2, column=3, gap=1, middle=2, row=7, between=2),
        _Grid(margin=3, column=3, gap=2, middle=2, row=8, between=2),
        _Grid(margin=4, column=3, gap=2, middle=2, row=8, between=2),
        _Grid(margin=5, column=4, gap=2, middle=2, row=10, between=2),
        _Grid(margin=7, column=5, gap=2, middle=2, row=12, between=2),
        _Grid(margin=7, column=7, gap=2, middle=2, row=16, between=2),
    )
}
"""By the side of the ground: 9 to 48 pixels. The gap in the middle is wider where an odd one would leave margins of
half a pixel."""


def mark(pixels: int, inset: int = 0) -> str:
    """The mark for a square of `pixels`, of which `inset` stay free at each side, as an SVG document."""
    return _document(pixels, _tile(inset, inset, pixels - 2 * inset))


def page(pixels: int) -> str:
    """A page with a folded corner and the mark on it, for a square of `pixels`, as an SVG document."""
    tile = pixels // 2 if pixels > 16 else 9
    width = tile + 2 * round(pixels * (0.14 if pixels > 16 else 0.125))
    left = (pixels - width) // 2
    line = max(1, pixels // 64)
    fold = max(4, pixels * 7 // 32)
    middle = line / 2
    right, bottom, turn = left + width - middle, pixels - middle, left + width - fold
    sheet = f"M{left + middle} {middle}H{turn}L{right} {fold}V{bottom}H{left + middle}Z"
    corner = f"M{turn} {middle}V{fold}H{right}Z"
    top = fold + (pixels - fold - tile) // 2
    return _document(
        pixels,
        f'<path d="{sheet}" fill="{_PAPER}" stroke="{_EDGE}" stroke-width="{line}" stroke-linejoin="round"/>'
        f'<path d="{corner}" fill="{_FOLD}" stroke="{_EDGE}" stroke-width="{line}" stroke-linejoin="round"/>'
        + _tile(left + (width - tile) // 2, top, tile),
    )


def panel(width: int, height: int, tile: int) -> str:
    """The mark, `tile` pixels large, in the middle of a surface of its ground's colour, as an SVG document."""
    surface = _cell(0, 0, width, height, 0, _colours()[0])
    return _document(width, surface + _tile((width - tile) // 2, (height - tile) // 2, tile), height)


def _document(width: int, content: str, height: int | None = None) -> str:
    size = f"0 0 {width} {height or width}"
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{size}">{content}</svg>'


def _tile(left: int, top: int, side: int) -> str:
    grid = GRIDS.get(side)
    if grid is None:
        return f'<g transform="translate({left} {top}) scale({side / _SIDE})">{_content()}</g>'
    ground, *rows = _colours()
    parts = [_cell(left, top, side, side, side * _CORNER, ground)]
    for y, colour in zip(grid.rows, rows, strict=True):
        parts += [
            _cell(
                left + x, top + y, grid.column, grid.row, grid.column // 3 if grid.column > 3 else 0, colour
            )
            for x in grid.columns
        ]
    return "".join(parts)


def _cell(left: int, top: int, width: int, height: int, radius: float, colour: str) -> str:
    return f'<rect x="{left}" y="{top}" width="{width}" height="{height}" rx="{radius:g}" fill="{colour}"/>'


@cache
def _content() -> str:
    """What is drawn, without the document's own element."""
    return MARK.read_text(encoding="utf-8").partition(">")[2].rpartition("</svg>")[0]


def _colours() -> list[str]:
    """Of the ground, the cells that are kept and those that are not."""
    return re.findall(r'fill="(#[0-9A-Fa-f]{6})"', _content())
