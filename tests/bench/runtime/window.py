"""From pressing Enter to the first painted word, over the time llama.cpp itself takes for the prompt.

The real window on a data folder of its own, offscreen where there is no screen. The clock stops when the paint event
that shows the first piece of the answer has been dealt with; llama.cpp's own time is the worker's, around
llama_decode.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")) and sys.platform.startswith("linux"):
    screens = Path(__file__).parents[2] / "helpers" / "screen.json"
    os.environ.setdefault("QT_QPA_PLATFORM", f"offscreen:configfile={screens}")

from PySide6.QtCore import QEvent, QEventLoop, QObject, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.storage import DataFolder
from app.ui import jobs
from app.ui.application import open_window, prepare_application
from app.ui.garbage import GarbageCollector
from app.ui.pages.chat import ChatPage
from tests.bench.runtime.table import Row

MOST_S = 0.020
PROMPT = "{number} and the other world, what is that? Hello, you were on the water with it."
TOKENS = 16


def first_paint_row(name: str, model: Path, runs: int) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NIBBLE_HOME"] = folder
        data = DataFolder(Path(folder)).create()
        path = data.models / model.name
        path.symlink_to(model)
        application = QApplication.instance() or QApplication(["nibble"])
        assert isinstance(application, QApplication)
        prepare_application(application)
        GarbageCollector(application)
        window = open_window(application, data)
        window.show()
        page = window.show_page("chat")
        assert isinstance(page, ChatPage)
        page.open_model(path)
        _loop_until(lambda: page.answering.is_loaded(path) and not jobs.running())
        over = [_measure(page, number) for number in range(runs + 1)][1:]
        window.leave()
        window.services.close()
    low, middle, high = statistics.quantiles(over, n=4, method="inclusive")
    return Row(
        f"Enter to first painted word over llama.cpp's prompt time, {name}",
        f"+{middle * 1e3:.1f} ms",
        f"+{MOST_S * 1e3:.0f} ms at most",
        middle <= MOST_S,
        f"middle half of {runs} times {low * 1e3:.1f} to {high * 1e3:.1f} ms, longest {max(over) * 1e3:.1f} ms",
    )


def _measure(page: ChatPage, number: int) -> float:
    page.new_chat()
    page.drawer.samplers.fields["max_tokens"].setValue(TOKENS)
    page.composer.set_text(PROMPT.format(number=number))
    _loop_until(lambda: not jobs.running())
    watch = _FirstPaint(page)
    start = time.perf_counter()
    QTest.keyClick(page.composer.field, Qt.Key.Key_Return)
    _loop_until(lambda: watch.painted_at is not None)
    assert watch.painted_at is not None
    _loop_until(lambda: page.answering.conversation is None and not jobs.running())
    watch.stop()
    message = page.column.answers()[-1].message
    assert message is not None
    assert message.statistics is not None
    return watch.painted_at - start - message.statistics.prompt_s


class _FirstPaint(QObject):
    """Sees every event of the application until the answer that is being made has been painted with text in it."""

    def __init__(self, page: ChatPage) -> None:
        super().__init__()
        self.painted_at: float | None = None
        self._page = page
        self._is_due = False
        QApplication.instance().installEventFilter(self)

    def stop(self) -> None:
        QApplication.instance().removeEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Paint and not self._is_due and self._shows_the_answer(watched):
            self._is_due = True
            QTimer.singleShot(0, self, self._note)  # painting goes on now; after it comes this
        return False

    def _shows_the_answer(self, painted: QObject) -> bool:
        live = self._page.column.live
        return live is not None and bool(live.prose.text) and painted is live.prose.viewport()

    def _note(self) -> None:
        self.painted_at = time.perf_counter()


def _loop_until(condition: Callable[[], bool]) -> None:
    """A real event loop, as in the program; what is waited for is looked at once a millisecond."""
    loop = QEventLoop()
    timer = QTimer(loop)
    timer.timeout.connect(lambda: loop.quit() if condition() else None)
    timer.start(1)
    loop.exec()
