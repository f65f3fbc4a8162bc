"""What `bench_start` starts: `python -m tests.bench.started nibble|empty [--stay]`.

Nibble itself, or an empty window, as one would write it with PySide6; both say on stdout when their window can be used:
its first page has been painted, and the event loop has dealt with all that was waiting before, so that a key that is
pressed now is taken. Then they stay for a second, tell the longest turn of their loop meanwhile, and end.
"""

from __future__ import annotations

import gc
import sys
import time
from itertools import pairwise

STAY_MS = 1000
_stamps: list[tuple[str, float]] = [("interpreter", time.perf_counter())]


def main() -> int:
    return {"nibble": _nibble, "empty": _empty}[sys.argv[1]]()


def _stamp(name: str) -> None:
    _stamps.append((name, time.perf_counter()))


def _empty() -> int:
    from PySide6.QtWidgets import QApplication, QWidget

    _stamp("imports")
    application = QApplication(["empty"])
    _stamp("QApplication")
    window = QWidget()
    _tell_paint(window)
    window.resize(1200, 780)
    window.show()
    _stamp("show")
    return application.exec()


def _nibble() -> int:
    gc.disable()  # as `app.__main__`
    from app.ui import application

    _stamp("imports")
    open_window = application.open_window
    prepare = application.prepare_application
    make_window = application.MainWindow

    def prepare_stamped(*arguments):
        _stamp("QApplication")
        prepare(*arguments)

    def open_stamped(*arguments):
        _stamp("first window, bugs")
        window = open_window(*arguments)
        _stamp("style sheet")
        _tell_paint(window._stack.currentWidget())
        return window

    def make_stamped(*arguments):
        _stamp("settings, database, theme")
        window = make_window(*arguments)
        _stamp("window and page")
        return window

    application.open_window = open_stamped
    application.prepare_application = prepare_stamped
    application.MainWindow = make_stamped
    return application.run_application(["nibble"])


def _tell_paint(page) -> None:
    """Sees events of this one widget only, so that what is measured stays what it is."""
    from PySide6.QtCore import QEvent, QObject, QTimer
    from PySide6.QtWidgets import QApplication

    class FirstPaint(QObject):
        def eventFilter(self, watched, event) -> bool:
            if event.type() is QEvent.Type.Paint:
                page.removeEventFilter(self)
                _stamp("show, until paint")
                QTimer.singleShot(0, self, self.usable)
            return False

        def usable(self) -> None:
            _stamp("paint")
            print("usable", flush=True)
            self.turns = [time.perf_counter()]
            self.timer = QTimer(self)
            self.timer.timeout.connect(lambda: self.turns.append(time.perf_counter()))
            self.timer.start(0)
            QTimer.singleShot(STAY_MS, self, self.end)

        def end(self) -> None:
            import psutil

            turns = [later - earlier for earlier, later in pairwise(self.turns)]
            print("longest_turn_s", max(turns))
            print("memory_bytes", psutil.Process().memory_info().rss)
            for (_, before), (name, at) in pairwise(_stamps):
                print("stamp", at - before, name)
            sys.stdout.flush()
            for window in QApplication.topLevelWidgets():
                if window.isVisible():
                    window.close()

    page.first_paint = FirstPaint(page)
    page.installEventFilter(page.first_paint)


if __name__ == "__main__":
    sys.exit(main())
