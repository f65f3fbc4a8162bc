"""The pictures in the installer's window, for screens of 100, 150 and 200 percent."""

from __future__ import annotations

from pathlib import Path

from installers.icon_drawing import panel
from installers.icons import bitmap

_LARGE = ((164, 314, 128), (246, 459, 192), (328, 628, 256))
_SMALL = ((55, 55, 48), (83, 83, 64), (110, 110, 96))
"""Width, height and the mark's side, in pixels; the first two as Inno Setup's documentation has them."""


def write_pictures(out: Path) -> None:
    """`large-*.bmp`, beside the text of the first and the last page, and `small-*.bmp`, above the others."""
    for name, sizes in (("large", _LARGE), ("small", _SMALL)):
        for width, height, mark in sizes:
            (out / f"{name}-{width}.bmp").write_bytes(bitmap(panel(width, height, mark), width, height))
