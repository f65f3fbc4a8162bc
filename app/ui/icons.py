"""Icons: glyphs of the Phosphor font that comes with qtawesome, in the theme's colours.

The font is used without importing qtawesome. That import takes 160 ms, its first icon loads and hashes twelve
fonts, and on Windows it copies them into the person's font folder; its icons also keep the colours they were
made with. These take their colour when they are painted, so they follow the theme.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QIcon, QIconEngine, QPainter, QPixmap

from app.ui import theme


def icon(name: str, colour: str = "muted", checked: str | None = None) -> QIcon:
    """The glyph `name` in the theme's `colour`, and in `checked` where the control is on.

    Raises KeyError for a name that is not in the font.
    """
    return QIcon(_GlyphEngine(name, colour, checked or colour))


def require(name: str) -> None:
    """Raises KeyError unless the font has the glyph: when a widget is made and not while it is painted."""
    _character(name)


def paint(painter: QPainter, rect: QRect, name: str, colour: QColor) -> None:
    """Paints the glyph `name` into the middle of `rect`, as high as the rectangle."""
    font = QFont(_family())
    font.setPixelSize(max(min(rect.height(), rect.width()), 1))
    font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    painter.save()
    painter.setFont(font)
    painter.setPen(colour)
    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, _character(name))
    painter.restore()


class _GlyphEngine(QIconEngine):
    def __init__(self, name: str, colour: str, checked: str) -> None:
        super().__init__()
        require(name)
        self._name = name
        self._colours = {QIcon.State.Off: colour, QIcon.State.On: checked}

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        tokens = theme.current()
        name = self._colours[state]
        if mode is QIcon.Mode.Disabled:
            # A button that cannot be pressed has no accent to stand on.
            colour = tokens.colour("text" if name == "on_accent" else name)
            colour = theme.blend(colour, tokens.colour("surface"), 0.45)
        else:
            colour = tokens.colour(name)
        paint(painter, rect, self._name, colour)

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        pixmap = QPixmap(size)
        if pixmap.isNull():  # a control that has no room yet asks, too
            return pixmap
        pixmap.fill(Qt.GlobalColor.transparent)
        with QPainter(pixmap) as painter:
            self.paint(painter, QRect(QPoint(0, 0), size), mode, state)
        return pixmap


@cache
def _folder() -> Path:
    spec = find_spec("qtawesome")
    if spec is None or spec.origin is None:
        raise RuntimeError("qtawesome is not installed")
    return Path(spec.origin).parent / "fonts"


@cache
def _family() -> str:
    file = next(_folder().glob("phosphor-[0-9]*.ttf"))
    return QFontDatabase.applicationFontFamilies(QFontDatabase.addApplicationFont(str(file)))[0]


@cache
def _character(name: str) -> str:
    """Of a glyph. Looked for in the font's list of some thousand names, a flat JSON object: to parse all of it takes
    the window's start a hundred times as long as the few names that it needs."""
    found = re.search(f'"{re.escape(name)}": *"(?:0x)?([0-9a-fA-F]+)"', _list_of_glyphs())
    if found is None:
        raise KeyError(f"the icon font has no {name}")
    return chr(int(found[1], 16))


@cache
def _list_of_glyphs() -> str:
    return next(_folder().glob("phosphor-charmap-*.json")).read_text(encoding="utf-8")
