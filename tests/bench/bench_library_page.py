"""What the Library page adds to a look at the library. By hand: `python -m tests.bench.bench_library_page`.

The same 2,000 files as `bench_library`, in the real window: how long the engine alone takes for a look and how long it
is until the page shows what it found, the first time and with everything remembered; how much processor time of that is
Nibble's, on a machine that does other things too; how long the window stood still meanwhile; and what sorting,
filtering, painting and the verdicts of all of them take.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")) and sys.platform.startswith("linux"):
    screens = Path(__file__).parents[1] / "helpers" / "screen.json"
    os.environ.setdefault("QT_QPA_PLATFORM", f"offscreen:configfile={screens}")

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication

from app.library import library_places, scan
from app.storage import DataFolder
from app.ui import jobs
from app.ui.application import open_window, prepare_application
from app.ui.pages.library import LibraryPage
from app.ui.pages.library_rows import Column
from tests.bench.bench_library import lay_out
from tests.helpers.tiny_gguf import write_tiny_model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=2000)
    count = parser.parse_args().files
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        os.environ |= {
            "HOME": str(root),
            "OLLAMA_MODELS": str(root / "ollama"),
            "NIBBLE_HOME": str(root / "nibble"),
        }
        data = DataFolder(root / "nibble").create()
        lay_out(write_tiny_model(root / "tiny.gguf", type="f16", layers=1), count, root, data)
        application = QApplication(["nibble"])
        prepare_application(application)
        report(application, data, count)


def report(application: QApplication, data: DataFolder, count: int) -> None:
    still = Stillness()
    start, worked = time.perf_counter(), time.process_time()
    window = open_window(application, data)
    window.show()
    page = window.show_page("library")
    assert isinstance(page, LibraryPage)
    wait(application, lambda: len(page.rows) == count)
    print(
        f"window opened and {count:,} files listed for the first time: {ms(start)}, processor"
        f" {(time.process_time() - worked) * 1e3:.0f} ms, stood still {still.longest()}"
    )
    start = time.perf_counter()
    wait(application, lambda: not jobs.running())
    print(f"verdicts on all of them for the first time: {ms(start)}, stood still {still.longest()}")
    alone = median(lambda: scan(library_places(data, ()), data.database))
    print(f"a look by the engine alone: {alone:.0f} ms")
    still.longest()
    looks, work, verdicts = [], [], []
    for _ in range(5):
        start, worked = time.perf_counter(), time.process_time()
        page.rescan()
        wait(application, lambda: page._scan_job is None)
        looks.append((time.perf_counter() - start) * 1e3)
        work.append((time.process_time() - worked) * 1e3)
        wait(application, lambda: not jobs.running())
        verdicts.append((time.perf_counter() - start) * 1e3)
    print(
        f"the page's look: {statistics.median(looks):.0f} ms, processor {statistics.median(work):.0f} ms, stood still"
        f" {still.longest()}; with verdicts {statistics.median(verdicts):.0f} ms"
    )
    for column in (Column.SIZE, Column.VERDICT, Column.MODEL):
        start = time.perf_counter()
        page.list.sortByColumn(column, Qt.SortOrder.AscendingOrder)
        print(f"sort by {column.name}: {ms(start)}")
    words = median(lambda: (page.search.setText("poet-19"), page.search.clear()))
    source = median(lambda: (page.filter_bar.source.setCurrentIndex(1), page.filter_bar.clear()))
    print(f"filter by words: {words / 2:.0f} ms, by source: {source / 2:.0f} ms")
    print(f"paint the list: {median(page.list.viewport().grab):.1f} ms")
    page.show_details(page.rows[count // 2])
    wait(application, lambda: not jobs.running())
    print(f"paint the list beside details: {median(page.list.viewport().grab):.1f} ms")
    page.show_space()
    start = time.perf_counter()
    wait(application, lambda: not jobs.running())
    print(f"add up sizes: {ms(start)}")
    window.leave()
    window.services.close()


class Stillness:
    """The longest time in which the window did nothing it was asked for."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self._longest = 0.0
        self._timer = QTimer()
        self._timer.setInterval(5)  # more often it would take the time from the jobs
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def longest(self) -> str:
        """Since the last time it was asked."""
        longest, self._longest, self._last = self._longest, 0.0, time.perf_counter()
        return f"{longest * 1e3:.0f} ms"

    def _tick(self) -> None:
        now = time.perf_counter()
        self._longest, self._last = max(self._longest, now - self._last), now


def wait(application: QApplication, until: Callable[[], bool]) -> None:
    while not until():
        application.processEvents()
        time.sleep(0.002)


def median(act: Callable[[], object]) -> float:
    """In milliseconds, of five times."""
    taken = []
    for _ in range(5):
        start = time.perf_counter()
        act()
        taken.append((time.perf_counter() - start) * 1e3)
    return statistics.median(taken)


def ms(start: float) -> str:
    return f"{(time.perf_counter() - start) * 1e3:.0f} ms"


if __name__ == "__main__":
    main()
