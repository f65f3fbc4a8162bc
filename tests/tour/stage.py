"""What a scene works on, and the table of scenes."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QColor, QPainter, QPixmap
from PySide6.QtWidgets import QApplication, QWidget

from app.storage import DataFolder, Settings, save_settings
from app.storage.settings import Appearance
from app.ui import jobs
from app.ui.application import open_window
from app.ui.pages.library import LibraryPage
from app.ui.pages.library_rows import Row
from app.ui.window import MainWindow

OVER = (Qt.WindowType.Popup, Qt.WindowType.Dialog)
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
    zoom_percent: int = 100
    elsewhere: list[Path] = field(default_factory=list)
    around: ExitStack = field(default_factory=ExitStack)
    """What lasts until the picture is taken."""
    shown: QWidget | None = None
    """In the place of the window."""
    _window: MainWindow | None = None

    @property
    def models(self) -> Path:
        folder = DataFolder(self.root / "home").create().models
        return folder

    def open(self) -> MainWindow:
        """Opens the window and waits until it has settled."""
        folder = DataFolder(self.root / "home").create()
        chosen = tuple(str(path) for path in self.elsewhere)
        settings = Settings(
            appearance=self.appearance,
            model_folders=chosen,
            zoom_percent=self.zoom_percent,
            titles_by_model=False,
        )
        save_settings(folder.settings, settings)
        self._window = open_window(self.application, folder)
        self._window.resize(*self.size)
        self._window.show()
        # Downloads go on for as long as the window is open.
        self.wait(lambda: all(job.name == "Download models" for job in jobs.running()))
        # Focus shows only in the active window, which offscreen a window becomes on request.
        self._window.raise_()
        self._window.activateWindow()
        self.wait(self._window.isActiveWindow)
        return self._window

    @property
    def opened(self) -> MainWindow | None:
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
        """The window with the menus and dialogs that are open on it."""
        if self.shown is not None:
            return self.shown.grab()
        picture = self.window.grab()
        painter = QPainter(picture)
        for widget in self.application.topLevelWidgets():
            if widget.isVisible() and widget.windowType() in OVER:
                at = widget.pos() - self.window.mapToGlobal(QPoint(0, 0))
                painter.fillRect(at.x() + 3, at.y() + 3, widget.width(), widget.height(), QColor(0, 0, 0, 40))
                painter.drawPixmap(at, widget.grab())
        painter.end()
        return picture

    def close(self) -> None:
        for widget in self.application.topLevelWidgets():
            if widget.windowType() in OVER:
                widget.close()
        if self.shown is not None:
            self.shown.hide()
            self.shown.deleteLater()
        jobs.cancel_all(10)
        self.wait(lambda: not jobs.running())
        if self._window is not None:
            self._window.close()
            self._window.services.close()
            self._window.deleteLater()
        self.application.processEvents()
        # Outside an event loop nobody else does; a hundred windows would follow every change of theme.
        self.application.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        self.around.close()


Play = Callable[[Stage], None]
SCENES: dict[str, Play] = {}


def scene(play: Play) -> Play:
    SCENES[play.__name__.replace("_", "-")] = play
    return play
