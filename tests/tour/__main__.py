"""Plays the scenes: `python -m tests.tour OUT_DIR [SCENE…]`."""

from __future__ import annotations

import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path

import keyring
from keyring.backends.null import Keyring
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QApplication

from app.storage.settings import Appearance
from app.ui.application import prepare_application
from tests import tour
from tests.tour.stage import SCENES, CannotPlay, Stage

for page in (
    "guide",
    "guide_at_work",
    "discover",
    "hub",
    "library",
    "downloads",
    "library_details",
    "library_result",
    "window",
    "settings_runtime",
    "pack_offers",
    "settings_about",
    "chat",
    "chat_settings",
    "chat_presets",
    "chat_attachments",
    "compare",
    "compare_blind",
    "spelling",
    "zoomed",  # behind those whose scenes it plays
):
    import_module(f"tests.tour.{page}")  # whose scenes are in the table then

SIZES = ((1280, 800), (900, 600))


def main(arguments: list[str]) -> int:
    if not arguments:
        print(tour.__doc__)
        return 2
    target = Path(arguments[0])
    target.mkdir(parents=True, exist_ok=True)
    application = begin()
    names = arguments[1:] or list(SCENES)
    with tempfile.TemporaryDirectory(prefix="nibble-tour-") as scratch:
        for name in names:
            play_everywhere(application, name, Path(scratch), target)
    return 0


def begin() -> QApplication:
    keyring.set_keyring(Keyring())  # type: ignore[no-untyped-call]  # nobody's own
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")) and sys.platform.startswith(
        "linux"
    ):
        # The offscreen screen is 800x800 unless told otherwise, and menus keep within the screen.
        screens = Path(__file__).parents[1] / "helpers" / "screen.json"
        os.environ.setdefault("QT_QPA_PLATFORM", f"offscreen:configfile={screens}")
    application = QApplication(["nibble"])
    prepare_application(application)
    return application


def play_everywhere(application: QApplication, name: str, scratch: Path, target: Path) -> None:
    for appearance in (Appearance.LIGHT, Appearance.DARK):
        for width, height in SIZES:
            picture = target / f"{name}-{appearance.value}-{width}x{height}.png"
            try:
                photograph(application, name, scratch, appearance, (width, height)).save(str(picture))
                print(picture)
            except CannotPlay as reason:
                print(f"{name}: left out, {reason}")
                return


def photograph(
    application: QApplication, name: str, scratch: Path, appearance: Appearance, size: tuple[int, int]
) -> QPixmap:
    """Raises CannotPlay."""
    root = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=scratch))
    os.environ |= {
        "NIBBLE_HOME": str(root / "home"),
        "HOME": str(root / "person"),
        "OLLAMA_MODELS": str(root / "person" / "ollama"),
    }
    stage = Stage(application, root, appearance, size)
    try:
        SCENES[name](stage)
        for _ in range(4):  # texts find their heights when their widths are known, one inside another
            application.processEvents()
        return stage.photograph()
    finally:
        stage.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
