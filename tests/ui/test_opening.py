"""Model files that are opened from outside the window: `nibble FILE.gguf`, a second start, a file manager."""

from __future__ import annotations

import gc
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtNetwork import QLocalSocket
from PySide6.QtWidgets import QLabel

from app.__main__ import _means_file
from app.storage import DataFolder
from app.ui.first_window import FirstWindow, _name, join_or_be_first
from app.ui.opening import Application, OpenedFiles
from app.ui.window import MainWindow
from tests.helpers.command_line import COMMAND
from tests.helpers.tiny_gguf import write_tiny_model
from tests.ui.conftest import settle

PATIENCE_MS = 60_000


@pytest.fixture
def opened(qapp: Application, open_nibble: Callable[..., MainWindow]) -> tuple[OpenedFiles, MainWindow]:
    window = open_nibble()
    files = OpenedFiles(window)
    files.lead_to(window)
    return files, window


def below(folder: Path) -> Path:
    folder.mkdir()
    return folder


def shown(window: MainWindow) -> str:
    return " ".join(label.text() for label in window.notices.findChildren(QLabel) if label.isVisible())


def chosen(window: MainWindow) -> Path | None:
    """The model of the chat in front; None where no chat is."""
    page = window._stack.currentWidget()
    return page.model if page is window._pages.get("chat") else None


def test_file_is_chosen_for_a_chat_and_is_in_the_library_from_then_on(opened, qtbot, tmp_path: Path):
    files, window = opened
    model = write_tiny_model(below(tmp_path / "else where") / "möbius #1.gguf", name="Möbius")
    files.open(model)
    qtbot.waitUntil(lambda: chosen(window) == model)
    settle(qtbot)
    assert list(window.services.preferences.model_folders) == [model]
    assert window.show_page("chat").answering.is_loaded(model)


def test_file_of_a_folder_that_is_in_the_library_is_not_added_once_more(opened, qtbot, folder: DataFolder):
    files, window = opened
    model = write_tiny_model(folder.models / "own.gguf")
    files.open(model)
    qtbot.waitUntil(lambda: chosen(window) == model)
    assert not list(window.services.preferences.model_folders)


def test_files_that_come_before_the_window_wait_for_it(
    qapp, qtbot, open_nibble: Callable[..., MainWindow], folder: DataFolder
):
    model = write_tiny_model(folder.models / "early.gguf")
    files = OpenedFiles(qapp)
    files.open(model)
    window = open_nibble()
    files.lead_to(window)
    qtbot.waitUntil(lambda: chosen(window) == model)


@pytest.mark.parametrize("name", ["gone.gguf", f"{'n' * 300}.gguf"])
def test_missing_file_is_told_in_the_window(opened, qtbot, tmp_path: Path, name: str):
    files, window = opened
    files.open(tmp_path / name)
    qtbot.waitUntil(lambda: name[-10:] in shown(window))
    assert chosen(window) is None


@pytest.mark.parametrize(
    "content", [b"", b"GGUF", b"PK\x03\x04 no model at all", b"GGUF\x03\0\0\0" + b"\xff" * 60]
)
def test_file_that_is_no_model_is_told_and_not_added(opened, qtbot, tmp_path: Path, content: bytes):
    files, window = opened
    (tmp_path / "broken.gguf").write_bytes(content)
    files.open(tmp_path / "broken.gguf")
    qtbot.waitUntil(lambda: "broken.gguf" in shown(window))
    assert chosen(window) is None
    assert not list(window.services.preferences.model_folders)


def test_folder_is_added_to_the_library(opened, qtbot, tmp_path: Path):
    files, window = opened
    model = write_tiny_model(below(tmp_path / "models") / "one.gguf")
    files.open(model.parent)
    qtbot.waitUntil(lambda: list(window.services.preferences.model_folders) == [model.parent])
    assert chosen(window) is None


def test_what_the_system_asks_the_running_program_to_open_is_opened(opened, qapp, qtbot, folder: DataFolder):
    """As macOS does for a double click, and for what is dropped on the icon."""
    files, window = opened
    qapp.asked_to_open.connect(files.open)
    model = write_tiny_model(folder.models / "clicked.gguf")
    QCoreApplication.sendEvent(qapp, QFileOpenEvent(str(model)))
    qtbot.waitUntil(lambda: chosen(window) == model)


def test_second_start_hands_its_file_to_the_window_that_is_open(
    opened, qtbot, folder: DataFolder, tmp_path: Path
):
    files, window = opened
    first = join_or_be_first(folder)
    assert first is not None
    first.asked_to_open.connect(files.open)
    first.listen()
    model = write_tiny_model(below(tmp_path / "there") / "second.gguf")
    second = subprocess.Popen(
        [*COMMAND, "second.gguf"], cwd=model.parent, env=os.environ | {"NIBBLE_HOME": str(folder.root)}
    )
    qtbot.waitUntil(lambda: second.poll() is not None, timeout=PATIENCE_MS)
    assert second.returncode == 0
    qtbot.waitUntil(lambda: chosen(window) == model)
    first.close()


@pytest.fixture
def first(folder: DataFolder) -> Iterator[FirstWindow]:
    """Listens."""
    found = join_or_be_first(folder)
    assert found is not None
    found.listen()
    yield found
    found.close()


@pytest.fixture
def stranger(first: FirstWindow, folder: DataFolder) -> QLocalSocket:
    socket = QLocalSocket()
    socket.connectToServer(_name(folder))
    assert socket.waitForConnected(1000)
    return socket


@pytest.mark.parametrize("line", [b"show zz\n", b"show 7\n", b"show \xff\xfe\n", b"open 2f\n", b"\n"])
def test_nonsense_on_the_socket_opens_nothing(first: FirstWindow, stranger, qtbot, line: bytes):
    paths: list[Path] = []
    first.asked_to_open.connect(paths.append)
    stranger.write(line + b"show\n")
    with qtbot.waitSignal(first.asked):
        stranger.flush()
    qtbot.waitUntil(stranger.canReadLine)  # both lines were heard by then
    assert paths == []


def test_who_talks_without_end_on_the_socket_is_hung_up_on(stranger: QLocalSocket, qtbot):
    stranger.write(b"show " + b"2f" * 50_000)
    with qtbot.waitSignal(stranger.disconnected):
        stranger.flush()


def test_connections_may_outlive_who_listened(folder: DataFolder, qtbot):
    """As at the program's end, right after a second start."""
    first = join_or_be_first(folder)
    first.listen()
    socket = QLocalSocket()
    socket.connectToServer(_name(folder))
    assert socket.waitForConnected(1000)
    socket.write(b"show\n")
    qtbot.waitUntil(socket.canReadLine)
    gone: list[bool] = []
    first.destroyed.connect(lambda: gone.append(True))
    first.close()
    del first
    socket.disconnectFromServer()
    gc.collect()
    QCoreApplication.processEvents()
    assert gone


@pytest.mark.parametrize(
    ("argument", "is_file"),
    [
        ("model.gguf", True),
        ("Model.GGUF", True),
        ("missing/model.gguf", True),
        ("./here", True),
        ("chat", False),
        ("here", False),
        ("./missing", False),
        ("--version", False),
        ("--json.gguf", False),
        ("unknown-command", False),
    ],
)
def test_commands_go_before_files(tmp_path: Path, monkeypatch, argument: str, is_file: bool):
    monkeypatch.chdir(tmp_path)
    for name in ("chat", "here"):
        (tmp_path / name).write_bytes(b"GGUF")
    assert _means_file(argument) is is_file
