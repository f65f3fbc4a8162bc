"""Model files that a person opens from outside the window: as an argument, in a second start, in a file manager."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Signal
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtWidgets import QApplication

from app.ui import jobs

if TYPE_CHECKING:
    from app.core.jobs import JobControl
    from app.ui.window import MainWindow


class Application(QApplication):
    """On macOS the system names files to the running program by an event.

    Not by a filter: the application's filters see every event of every widget, and each would wait for Python's lock
    while a job computes.
    """

    asked_to_open = Signal(object)
    """This file (Path)."""

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QFileOpenEvent) and event.file():
            self.asked_to_open.emit(Path(event.file()))
            return True
        return super().event(event)


class OpenedFiles(QObject):
    """Waits with them until there is a window."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._window: MainWindow | None = None
        self._early: list[Path] = []

    def open(self, path: Path) -> None:
        if self._window is None:
            self._early.append(path)
        else:
            open_file(self._window, path)

    def lead_to(self, window: MainWindow) -> None:
        """From now on files open there."""
        self._window = window
        early, self._early = self._early, []
        for path in early:
            open_file(window, path)


def open_file(window: MainWindow, path: Path) -> None:
    """A model's file, for a chat, which also adds it to the library where it is not there; a folder, to the library.
    Of what is neither, the window says why."""

    def work(control: JobControl) -> Path:
        if os.path.isdir(path):  # Path's own raises for names that are too long
            return path
        from app.library import find_model

        return find_model(str(path.absolute()), (), window.services.folder.database).path

    def show(found: Path) -> None:
        known = window.services.library_folders
        if not any(found.is_relative_to(folder.absolute()) for folder in known):
            window.open_paths([found])
        if not found.is_dir():
            page = window.show_page("chat")
            page.open_model(found)  # type: ignore[attr-defined]  # the chat page is the one that has it

    jobs.run(window, f"Open {path.name}", work, on_done=show, on_failed=window.show_fault)
