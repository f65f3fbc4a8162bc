"""The icons of the program and of models' files, in all sizes: `python -m installers.icons OUT`.

Everything is drawn when an installer is built (`icon_drawing`), so no picture has to be kept beside the drawing. Writes
nibble.icns, nibble.ico and, for files of type .gguf, gguf.icns and gguf.ico, and PNG files of both for Linux.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

from installers import icon_files
from installers.icon_drawing import mark, page

PNG_PIXELS = (16, 24, 32, 48, 64, 128, 256, 512)
"""The folders of the theme hicolor that desktop environments look into."""

_MAC_INSETS = {16: 1, 32: 3, 64: 6, 128: 12, 256: 25, 512: 50, 1024: 100}
"""What macOS leaves free around an application's icon: 824 of 1024 pixels are drawn on. A mark that filled the square
would look larger than its neighbours in the Dock."""

Drawing = Callable[[int], str]
"""What is drawn for a number of pixels, as an SVG document."""


def write_icons(out: Path) -> list[Path]:
    """All icons, in the folder `out`, which is made; raises OSError."""
    out.mkdir(parents=True, exist_ok=True)
    written = []

    def write(name: str, data: bytes) -> None:
        (out / name).write_bytes(data)
        written.append(out / name)

    for name, drawing, mac_drawing in (("nibble", mark, _mac_mark), ("gguf", page, page)):
        write(f"{name}.icns", _icns(mac_drawing))
        write(f"{name}.ico", _ico(drawing))
        for pixels in PNG_PIXELS:
            write(f"{name}-{pixels}.png", png(drawing, pixels))
    return written


def png(drawing: Drawing, pixels: int) -> bytes:
    """A drawing as a PNG file."""
    return _file(_rendered(drawing, pixels), "PNG")


def bitmap(svg: str, width: int, height: int) -> bytes:
    """An SVG document as a BMP file, without transparency."""
    image = _painted(svg, width, height).convertToFormat(QImage.Format.Format_RGB32)
    return _file(image, "BMP")


def argb(drawing: Drawing, pixels: int) -> bytes:
    """Its pixels, four bytes each, alpha first and not premultiplied, row by row from the top."""
    image = _rendered(drawing, pixels).convertToFormat(QImage.Format.Format_RGBA8888)
    rgba = bytes(image.constBits())
    return b"".join(rgba[i + 3 : i + 4] + rgba[i : i + 3] for i in range(0, len(rgba), 4))


def _mac_mark(pixels: int) -> str:
    return mark(pixels, _MAC_INSETS[pixels])


def _icns(drawing: Drawing) -> bytes:
    pictures = {pixels: png(drawing, pixels) for pixels in icon_files.ICNS_PNG_PIXELS}
    return icon_files.icns(
        pictures, {pixels: argb(drawing, pixels) for pixels in icon_files.ICNS_ARGB_PIXELS}
    )


def _ico(drawing: Drawing) -> bytes:
    pictures = {pixels: png(drawing, pixels) for pixels in icon_files.ICO_PNG_PIXELS}
    return icon_files.ico(pictures, {pixels: argb(drawing, pixels) for pixels in icon_files.ICO_ARGB_PIXELS})


def _rendered(drawing: Drawing, pixels: int) -> QImage:
    return _painted(drawing(pixels), pixels, pixels)


def _painted(svg: str, width: int, height: int) -> QImage:
    image = QImage(width, height, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(0)
    painter = QPainter(image)
    QSvgRenderer(QByteArray(svg.encode())).render(painter)
    painter.end()
    return image


def _file(image: QImage, kind: str) -> bytes:
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    # One overload has the format as text, which the stubs lack.
    if not image.save(buffer, kind):  # type: ignore[call-overload]
        raise OSError(f"a picture cannot be written as {kind}")
    return bytes(data.data())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m installers.icons OUT")
    for file in write_icons(Path(sys.argv[1])):
        print(file)
