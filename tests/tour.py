"""Pictures of the real window in every state that exists, for looking at.

    python -m tests.tour OUT_DIR [SCENE…]

Each scene opens the window on a data folder of its own, with the real engine behind it, brings it into a state
and is photographed in both themes and two sizes: `OUT_DIR/<scene>-<theme>-<width>x<height>.png`. A scene that
cannot be played here (a part is missing) says so and is left out. A new scene is one function with `@scene`.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")) and sys.platform.startswith("linux"):
    # The offscreen screen is 800x800 unless told otherwise, and menus keep within the screen.
    screens = Path(__file__).with_name("helpers") / "screen.json"
    os.environ.setdefault("QT_QPA_PLATFORM", f"offscreen:configfile={screens}")

from PySide6.QtCore import QPoint
from PySide6.QtGui import QColor, QPainter, QPixmap
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu

from app.core.errors import DiskFull
from app.hardware import Accelerator, Cpu, Machine, Memory
from app.storage import DataFolder, Settings, save_settings
from app.storage.settings import Appearance
from app.ui import bugs, jobs
from app.ui.application import open_window, prepare_application
from app.ui.pages.library import LibraryPage
from app.ui.pages.library_rows import Row
from app.ui.window import MainWindow
from tests.helpers.tiny_gguf import write_random_model, write_tiny_model

BARD = Path(__file__).parents[2] / "shared/models/bard/bard-bf16.gguf"
SIZES = ((1280, 800), (900, 600))
PATIENCE_S = 60.0


class CannotPlay(Exception):
    """A part that the scene needs is not here."""


@dataclass
class Stage:
    """What a scene works on: a data folder not yet opened, then the window."""

    application: QApplication
    root: Path
    appearance: Appearance
    size: tuple[int, int]
    elsewhere: list[Path] = field(default_factory=list)
    _window: MainWindow | None = None

    @property
    def models(self) -> Path:
        folder = DataFolder(self.root / "home").create().models
        return folder

    def open(self) -> MainWindow:
        """Opens the window and waits until it has settled."""
        folder = DataFolder(self.root / "home").create()
        chosen = tuple(str(path) for path in self.elsewhere)
        save_settings(folder.settings, Settings(appearance=self.appearance, model_folders=chosen))
        self._window = open_window(self.application, folder)
        self._window.resize(*self.size)
        self._window.show()
        self.wait(lambda: not jobs.running())
        # Focus shows only in the active window, which offscreen a window becomes on request.
        self._window.raise_()
        self._window.activateWindow()
        self.wait(self._window.isActiveWindow)
        return self._window

    @property
    def window(self) -> MainWindow:
        assert self._window is not None
        return self._window

    @property
    def library(self) -> LibraryPage:
        page = self.window.show_page("library")
        assert isinstance(page, LibraryPage)
        return page

    def row(self, title: str) -> Row:
        return next(row for row in self.library.rows if title in str(row.path))

    def wait(self, until: Callable[[], bool]) -> None:
        give_up = time.monotonic() + PATIENCE_S
        while not until():
            self.application.processEvents()
            time.sleep(0.005)
            if time.monotonic() > give_up:
                raise TimeoutError("the window did not settle")
        self.application.processEvents()

    def photograph(self) -> QPixmap:
        """The window with the menus that are open on it."""
        picture = self.window.grab()
        painter = QPainter(picture)
        for widget in self.application.topLevelWidgets():
            if isinstance(widget, QMenu) and widget.isVisible():
                at = widget.pos() - self.window.mapToGlobal(QPoint(0, 0))
                painter.fillRect(at.x() + 3, at.y() + 3, widget.width(), widget.height(), QColor(0, 0, 0, 40))
                painter.drawPixmap(at, widget.grab())
        painter.end()
        return picture

    def close(self) -> None:
        for widget in self.application.topLevelWidgets():
            if isinstance(widget, QMenu):
                widget.close()
        jobs.cancel_all(10)
        self.wait(lambda: not jobs.running())
        if self._window is not None:
            self._window.close()
            self._window.deleteLater()
        self.application.processEvents()


Play = Callable[[Stage], None]
SCENES: dict[str, Play] = {}


def scene(play: Play) -> Play:
    SCENES[play.__name__.replace("_", "-")] = play
    return play


# Library


@scene
def library_empty(stage: Stage) -> None:
    stage.open()


@scene
def library_filled(stage: Stage) -> None:
    put_models(stage)
    stage.open()
    stage.library.show_row(stage.row("tiny-bf16").path)


@scene
def library_filtered(stage: Stage) -> None:
    put_models(stage)
    stage.open()
    stage.library.search.setText("f16")


@scene
def library_no_match(stage: Stage) -> None:
    put_models(stage)
    stage.open()
    stage.library.search.setText("llama 405b")


@scene
def library_faults(stage: Stage) -> None:
    put_models(stage)
    put_faulty_files(stage.models)
    stage.elsewhere.append(stage.root / "A disk that was unplugged")
    stage.open()


@scene
def library_many(stage: Stage) -> None:
    first = write_tiny_model(stage.models / "model-000.gguf", type="f16", name="Tiny 000")
    for number in range(1, 120):
        os.link(first, first.with_name(f"model-{number:03d}.gguf"))
    (stage.models / "more").mkdir()
    stage.open()


@scene
def library_choosing_to_compare(stage: Stage) -> None:
    put_models(stage)
    stage.open()
    for name in ("tiny-f32", "tiny-bf16"):
        stage.library.list.compare_asked.emit(stage.row(name))


@scene
def library_dragging_over(stage: Stage) -> None:
    put_models(stage)
    stage.open().veil.cover()


@scene
def library_make_menu(stage: Stage) -> None:
    need_convert()
    put_models(stage)
    stage.open()
    row = stage.row("tiny-f16")
    stage.library.list.make_asked.emit(row, stage.library.list.make_menu_place(row))


@scene
def library_row_menu_of_a_quantized_model(stage: Stage) -> None:
    need_convert()
    put_models(stage)
    make(stage, "tiny-f16", "Q8_0")
    row = stage.row("Q8_0")
    stage.library.list.menu_asked.emit(row, stage.library.list.make_menu_place(row) - QPoint(240, 0))


@scene
def library_making(stage: Stage) -> None:
    need_convert()
    put_models(stage)
    source = shared_big_model(stage)
    stage.open()
    library = stage.library
    library.making.start(stage.row(source.stem), "Q4_K_M")
    library.making.start(stage.row("tiny-f16"), "Q8_0")
    stage.wait(lambda: not library.making.cards or library.making.cards[0].has_begun)


@scene
def library_made(stage: Stage) -> None:
    need_convert()
    put_models(stage)
    make(stage, "tiny-f16", "Q4_K_M")


@scene
def library_not_made(stage: Stage) -> None:
    put_models(stage)
    stage.open()
    fault = DiskFull(
        "The disk ran full while writing tiny-f16-Q4_K_M.gguf.", "Free some space and try again."
    )
    stage.library.making.failed.emit(stage.row("tiny-f16"), "Q4_K_M", fault)


@scene
def library_pointed_at_and_focused(stage: Stage) -> None:
    put_models(stage)
    stage.open()
    library = stage.library
    library.show_row(stage.row("bf16").path)
    library.list.setFocus()
    third = library.list.model().index(2, 0)
    QTest.mouseMove(library.list.viewport(), library.list.visualRect(third).center())
    stage.application.processEvents()


@scene
def library_on_a_gaming_computer(stage: Stage) -> None:
    put_models(stage)
    stage.open()
    stage.library.computer.show_machine(
        Machine(
            Cpu("AMD Ryzen 9 7950X", 16, 32, ("AVX2", "AVX512")),
            Memory(64 * 10**9, 9 * 10**9),
            (
                Accelerator("NVIDIA GeForce RTX 4090", "CUDA", 24 * 10**9, 21 * 10**9),
                Accelerator("NVIDIA GeForce RTX 4060 Ti", "CUDA", 16 * 10**9, 1 * 10**9),
            ),
            ("NVIDIA graphics card 3 does not answer: GPU is lost.",),
        )
    )
    stage.application.processEvents()


# The window


@scene
def window_bug(stage: Stage) -> None:
    put_models(stage)
    stage.open()
    try:
        raise ZeroDivisionError("a bug made for the picture")
    except ZeroDivisionError as error:
        bugs.reporter().report(error, "Take a picture")


@scene
def settings_plain(stage: Stage) -> None:
    stage.open().show_page("settings")


@scene
def settings_with_folders(stage: Stage) -> None:
    for name in (
        "models/gguf",
        "Downloads/a folder with quite a long name that goes on and on/and another/models",
    ):
        folder = stage.root / name
        folder.mkdir(parents=True)
        stage.elsewhere.append(folder)
    stage.open().show_page("settings")


# Props


def put_models(stage: Stage) -> None:
    """A few real models; Bard among them where the repository has its neighbour."""
    for kind in ("f32", "f16", "bf16"):
        write_tiny_model(stage.models / f"tiny-{kind}.gguf", type=kind, name="Tiny random")
    chosen = stage.root / "My models"
    chosen.mkdir()
    write_tiny_model(
        chosen / "long.gguf",
        type="f16",
        name="A model whose name is so long that it cannot fit",
        context=131072,
    )
    if BARD.exists():
        (chosen / BARD.name).symlink_to(BARD)
    stage.elsewhere.append(chosen)


def put_faulty_files(folder: Path) -> None:
    whole = write_tiny_model(folder / "whole.gguf").read_bytes()
    (folder / "truncated.gguf").write_bytes(whole[: len(whole) // 3])
    (folder / "whole.gguf").unlink()
    (folder / "a-web-page.gguf").write_bytes(b"<!DOCTYPE html><title>404</title>" * 20)
    (folder / "old.gguf").write_bytes(b"GGUF" + (1).to_bytes(4, "little") + bytes(64))


def need_convert() -> None:
    try:
        import app.convert  # noqa: F401
    except ImportError as error:
        raise CannotPlay("app.convert is not there yet") from error


def make(stage: Stage, name: str, quantization: str) -> None:
    stage.open()
    stage.library.making.start(stage.row(name), quantization)
    stage.wait(lambda: not jobs.running())


def shared_big_model(stage: Stage) -> Path:
    """One model large enough to be photographed while it is quantized; written once for all pictures."""
    source = stage.root.parent / "big-f16.gguf"
    if not source.exists():
        write_random_model(source, parameters=150_000_000)
    link = stage.models / source.name
    os.link(source, link)
    return link


def main(arguments: list[str]) -> int:
    if not arguments:
        print(__doc__)
        return 2
    target = Path(arguments[0])
    target.mkdir(parents=True, exist_ok=True)
    application = QApplication(["nibble"])
    prepare_application(application)
    names = arguments[1:] or list(SCENES)
    with tempfile.TemporaryDirectory(prefix="nibble-tour-") as scratch:
        for name in names:
            play_everywhere(application, name, Path(scratch), target)
    return 0


def play_everywhere(application: QApplication, name: str, scratch: Path, target: Path) -> None:
    for appearance in (Appearance.LIGHT, Appearance.DARK):
        for width, height in SIZES:
            root = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=scratch))
            os.environ["NIBBLE_HOME"] = str(root / "home")
            stage = Stage(application, root, appearance, (width, height))
            picture = target / f"{name}-{appearance.value}-{width}x{height}.png"
            try:
                SCENES[name](stage)
                application.processEvents()
                stage.photograph().save(str(picture))
                print(picture)
            except CannotPlay as reason:
                print(f"{name}: left out, {reason}")
                return
            finally:
                stage.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
