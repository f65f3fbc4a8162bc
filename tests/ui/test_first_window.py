"""Nibble started twice on one data folder."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from app.storage import DataFolder
from app.ui.first_window import bring_to_front, join_or_be_first
from app.ui.window import MainWindow
from tests.helpers.command_line import COMMAND

PATIENCE_S = 60.0
Start = Callable[[Path], "subprocess.Popen[bytes]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts the window on a data folder, in a process of its own."""
    started: list[subprocess.Popen[bytes]] = []

    def start_it(root: Path) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(COMMAND, env=os.environ | {"NIBBLE_HOME": str(root)})
        started.append(process)
        return process

    yield start_it
    for process in started:
        process.terminate()
        process.wait(PATIENCE_S)


def wait_until_opening(root: Path) -> None:
    """The folder for logs is made by who opens the window, and not by who joins one."""
    deadline = time.monotonic() + PATIENCE_S
    while not (root / "logs").exists():
        assert time.monotonic() < deadline, "the window did not open"
        time.sleep(0.05)


def test_second_start_brings_the_first_window_to_the_front_and_ends(
    qtbot, open_nibble: Callable[[], MainWindow], folder: DataFolder, start: Start
) -> None:
    first = join_or_be_first(folder)
    assert first is not None
    window = open_nibble()
    first.listen()
    first.asked.connect(lambda: bring_to_front(window))
    window.showMinimized()
    second = start(folder.root)
    qtbot.waitUntil(lambda: second.poll() is not None, timeout=int(PATIENCE_S * 1000))
    assert second.returncode == 0
    assert not window.isMinimized()
    qtbot.waitUntil(window.isActiveWindow)
    first.close()


def test_windows_join_only_on_one_data_folder_and_not_with_one_that_was_killed(
    tmp_path: Path, start: Start
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    first, elsewhere = start(one), start(other)
    wait_until_opening(one)
    wait_until_opening(other)
    assert start(one).wait(PATIENCE_S) == 0
    assert (first.poll(), elsewhere.poll()) == (None, None)
    psutil.Process(first.pid).kill()
    first.wait(PATIENCE_S)
    (one / "logs").rename(one / "earlier logs")
    after = start(one)
    wait_until_opening(one)
    assert after.poll() is None


def test_of_two_starts_at_once_one_opens_the_window(tmp_path: Path, start: Start) -> None:
    both = [start(tmp_path / "home"), start(tmp_path / "home")]
    deadline = time.monotonic() + PATIENCE_S
    while all(process.poll() is None for process in both) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert sorted(str(process.poll()) for process in both) == ["0", "None"]
