"""Starts the window: the one place that makes the engine's long-lived parts and hands them to the pages."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from PySide6.QtCore import QLocale, QTimer, QTranslator
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

import resources
from app import __version__
from app.core.errors import Cancelled, EnvironmentFault
from app.storage import DataFolder, Settings, data_folder, load_settings
from app.ui import bugs, jobs, recovery
from app.ui.first_paint import after_first_paint
from app.ui.first_window import FirstWindow, bring_to_front, join_or_be_first
from app.ui.garbage import GarbageCollector
from app.ui.opening import Application, OpenedFiles
from app.ui.pack_offers import clear_packs
from app.ui.preferences import Preferences
from app.ui.services import Services
from app.ui.theme import Theme
from app.ui.window import MainWindow
from app.ui.zoom import within_steps

LEAVING_S = 5.0
STYLE = ("-style", "fusion")
"""Which the palette and the style sheet of `theme` are made for. Given to Qt by name: whoever sets it from Python makes
all enumerations of QStyle with it, 3 ms of the start."""
THREAD_SWITCH_S = 0.0003
"""How long Python lets one thread go on while another one waits: a sixteenth of what is usual. The window lays out a
prompt while a job sends it to the model; at each of its steps the job would wait until the window lets go."""


def run_application(argv: Sequence[str] | None = None, file: Path | None = None) -> int:
    """Opens the window and returns the exit status when it was closed. `argv` includes the program's name. `file`: of a
    model, with its whole path, to open in it."""
    if not _has_display():
        print("nibble: there is no screen here to open the window on.", file=sys.stderr)
        print("        Use the commands instead: nibble --help", file=sys.stderr)
        return 1
    application = Application([*(sys.argv if argv is None else argv), *STYLE])
    prepare_application(application)
    bugs.reporter().install()
    GarbageCollector(application)
    opened = OpenedFiles(application)
    application.asked_to_open.connect(opened.open)
    folder = data_folder()
    first = join_or_be_first(folder, file)
    if first is None:
        return 0
    try:
        window = open_window(application, folder)
    except Cancelled:
        first.close()
        return 0
    first.asked.connect(lambda: bring_to_front(window))
    first.asked_to_open.connect(opened.open)
    if file is not None:
        opened.open(file)
    # Ctrl+C in the terminal that started Nibble leaves it, and whoever sends it does not see a question.
    # By a timer: a window that closes before the event loop runs would not end it.
    for interruption in (signal.SIGINT, signal.SIGTERM):
        signal.signal(interruption, lambda *_: QTimer.singleShot(0, window, window.leave))
    after_first_paint(window, lambda: _begin_work(window, first, opened))
    window.show()
    try:
        return application.exec()
    finally:
        first.close()
        jobs.cancel_all(LEAVING_S)
        window.services.close()


def _begin_work(window: MainWindow, first: FirstWindow, opened: OpenedFiles) -> None:
    """What runs behind the window, and not before it can be used."""
    gc.freeze()  # the modules: nothing among them is ever free
    first.listen()
    opened.lead_to(window)
    window.services.spare_worker.prepare()
    if window.services.folder.packs.is_dir():
        jobs.run(window, "Clear away what unpacking has left", clear_packs)
    recovery.look_later(window, window.notices, window.services.folder.database)


def _has_display() -> bool:
    """Qt ends the process with an abort where a Linux machine has no display server."""
    names = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return not sys.platform.startswith("linux") or any(os.environ.get(name) for name in names)


def prepare_application(application: QApplication) -> None:
    """Names, icon and translations."""
    sys.setswitchinterval(THREAD_SWITCH_S)
    application.setApplicationName("nibble")
    application.setApplicationDisplayName("Nibble")
    application.setApplicationVersion(__version__)
    application.setDesktopFileName("nibble")
    if not (sys.platform == "darwin" and getattr(sys, "frozen", False)):
        # The bundle's own keeps the Dock's margin, and this would take its place there.
        application.setWindowIcon(QIcon(str(resources.icon_path())))
    translator = QTranslator(application)
    if translator.load(QLocale(), "nibble", "_", str(resources.translations_folder())):
        application.installTranslator(translator)


def open_window(application: QApplication, folder: DataFolder) -> MainWindow:
    """The window on a data folder, not shown yet.

    A folder that cannot be used costs a message, not the window. Raises Cancelled where the person stopped the recovery
    of a damaged database.
    """
    faults: list[EnvironmentFault] = []
    settings = Settings()
    recovered = None
    try:
        folder.create()
        _log_to(folder.logs)
        settings = load_settings(folder.settings)
    except EnvironmentFault as fault:
        faults.append(fault)
    preferences = Preferences(folder.settings, settings)
    preferences.setParent(application)
    theme = Theme(application, settings.appearance, within_steps(settings.zoom_percent))
    preferences.changed.connect(lambda: theme.set_appearance(preferences.settings.appearance))
    preferences.changed.connect(lambda: theme.set_zoom(within_steps(preferences.settings.zoom_percent)))
    if not faults:
        try:
            recovered = recovery.recover(folder.database, theme.dress)
        except EnvironmentFault as fault:
            faults.append(fault)
    services = Services(folder, preferences)
    jobs.hold()
    window = MainWindow(services)
    after_first_paint(window, jobs.begin_held)
    theme.dress()
    window.destroyed.connect(services.close)
    window.destroyed.connect(jobs.begin_held)
    for found in faults:
        window.show_fault(found)
    if recovered is not None:
        recovery.tell(window.notices, recovered)
    return window


def _log_to(folder: Path) -> None:
    if bugs.log.handlers:
        return
    bugs.log.addHandler(_LogFile(folder / "nibble.log"))


class _LogFile(logging.Handler):
    """Most starts write nothing, and need not load what opens, turns and locks a log's file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    @cached_property
    def _file(self) -> logging.Handler:
        from logging.handlers import RotatingFileHandler

        file = RotatingFileHandler(self._path, maxBytes=1_000_000, backupCount=2, encoding="utf-8")
        file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        return file

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._file.emit(record)
        except OSError:
            self.handleError(record)

    def close(self) -> None:
        if "_file" in vars(self):
            self._file.close()
        super().close()
