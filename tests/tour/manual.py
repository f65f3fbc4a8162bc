"""The pictures of the manual: `python -m tests.tour.manual [NAME…]` makes them anew, all unless some are named.

Scenes of the tour into `docs/pictures`, with few enough colours to be small files. A new picture is one line in
`PICTURES`; `tests/unit/test_docs.py` wants each of them shown somewhere.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PySide6.QtGui import QImage

from app.storage.settings import Appearance
from tests.tour.__main__ import begin, photograph
from tests.tour.stage import CannotPlay

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
COLOURS = 256
PIECE = 4096
"""Colours that are compared with all of the palette at once."""


@dataclass(frozen=True)
class Picture:
    """A scene in a window of this size; `cut`: how much of its lower end is left away, in pixels."""

    scene: str
    size: tuple[int, int] = (1120, 700)
    cut: int = 0
    in_dark: bool = False
    """Also a second one, in dark."""


PICTURES = {
    "compare": Picture("guide-compared", in_dark=True),
    "staircase": Picture("discover-staircase", in_dark=True),
    "first-start": Picture("first-start"),
    "discover": Picture("discover-list"),
    "hub-results": Picture("hub-results", cut=180),
    "hub-repository": Picture("hub-repository"),
    "hub-checkpoint": Picture("hub-repository-original", cut=130),
    "library": Picture("library-of-many-programs"),
    "library-details": Picture("library-details", cut=130),
    "make": Picture("hub-make-panel"),
    "make-result": Picture("library-result"),
    "downloads": Picture("downloads-running", cut=290),
    "chat": Picture("guide-chatting"),
    "chat-loading": Picture("chat-load-settings-on-a-card"),
    "chat-settings": Picture("guide-chat-settings"),
    "compare-lines": Picture("guide-compared-line-by-line"),
    "compare-tokens": Picture("guide-compared-token-by-token"),
    "blind-set-up": Picture("guide-blind-set-up"),
    "blind-voting": Picture("guide-blind-voting"),
    "blind-results": Picture("guide-blind-results"),
    "settings": Picture("settings-plain"),
    "runtime-packs": Picture("settings-runtime-packs"),
    "runtime-packs-to-get": Picture("settings-packs-to-get"),
    "about": Picture("settings-about"),
    "licences": Picture("settings-about-licences"),
    "palette": Picture("window-palette", cut=150),
    "shortcuts": Picture("window-shortcuts"),
}


def main(names: list[str]) -> int:
    FOLDER.mkdir(parents=True, exist_ok=True)
    application = begin()
    missing = 0
    with tempfile.TemporaryDirectory(prefix="nibble-") as scratch:
        for name in names or list(PICTURES):
            picture = PICTURES[name]
            for file, appearance in files_of(name):
                try:
                    taken = photograph(application, picture.scene, Path(scratch), appearance, picture.size)
                except CannotPlay as reason:
                    print(f"{file}: left out, {reason}")
                    missing += 1
                    continue
                width, height = taken.width(), taken.height() - picture.cut
                with_few_colours(taken.copy(0, 0, width, height).toImage()).save(str(FOLDER / file), None, 0)
                print(f"{file}: {(FOLDER / file).stat().st_size / 1000:.0f} kB", flush=True)
    return 1 if missing else 0


def files_of(name: str) -> Iterator[tuple[str, Appearance]]:
    yield f"{name}.png", Appearance.LIGHT
    if PICTURES[name].in_dark:
        yield f"{name}-dark.png", Appearance.DARK


def with_few_colours(picture: QImage) -> QImage:
    """With a palette: its most frequent colours, and for all others the nearest of them."""
    picture = picture.convertToFormat(QImage.Format.Format_RGB32)
    width, height = picture.width(), picture.height()
    pixels = np.frombuffer(picture.constBits(), np.uint32).reshape(height, -1)[:, :width] & 0xFFFFFF
    colours, which, counts = np.unique(pixels, return_inverse=True, return_counts=True)
    kept = colours[np.argsort(counts)[::-1][:COLOURS]]
    nearest = np.concatenate(
        [_nearest(colours[start : start + PIECE], kept) for start in range(0, len(colours), PIECE)]
    )
    indices = nearest[which].astype(np.uint8).reshape(height, width)
    stride = -(-width // 4) * 4
    rows = np.zeros((height, stride), np.uint8)
    rows[:, :width] = indices
    small = QImage(rows.tobytes(), width, height, stride, QImage.Format.Format_Indexed8)
    small.setColorTable([0xFF000000 | int(colour) for colour in kept])
    return small.copy()


def _nearest(colours: np.ndarray, palette: np.ndarray) -> np.ndarray:
    def channels(of: np.ndarray) -> np.ndarray:
        return np.stack([(of >> shift) & 0xFF for shift in (16, 8, 0)], axis=-1).astype(np.int32)

    apart = channels(colours)[:, None, :] - channels(palette)[None, :, :]
    return np.argmin((apart * apart).sum(axis=-1), axis=1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
