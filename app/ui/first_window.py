"""One window for each data folder: who starts a second one gets the first, in front of all others, with the file that
was to be opened."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QLockFile, QObject, Qt, Signal
from PySide6.QtWidgets import QWidget

from app.storage import DataFolder

if TYPE_CHECKING:  # the window is there before it is needed
    from PySide6.QtNetwork import QLocalServer, QLocalSocket

SHOW, SHOWN = b"show", b"shown\n"
"""After the first one may follow a blank and a file's path, its bytes in hexadecimal."""
_MOST_LINE_BYTES = 1 << 16
_CONNECT_MS = 1_000
_ANSWER_MS = 15_000
"""Longer than a window takes to open on a slow computer. One that has not answered by then hangs, and whoever waits for
it is better off with another one."""
_WAIT_MS = 20_000
"""For another start that is looking for the first window at the same time."""
_MOST_PATH_BYTES = 100
"""Of a socket: macOS takes 104, Linux 108."""


class FirstWindow(QObject):
    """Answers later starts on the same data folder from `listen` on, for as long as it lives; until then they wait."""

    asked = Signal()
    """Somebody started Nibble again."""
    asked_to_open = Signal(object)
    """With this file (Path)."""

    def __init__(self, name: str, lock: QLockFile) -> None:
        super().__init__()
        self._name = name
        self._lock = lock
        self._server: QLocalServer | None = None

    def listen(self) -> None:
        """Once the window has been painted: what this takes is not needed before."""
        self._server = _listen(self._name)
        self._server.setParent(self)
        self._server.newConnection.connect(self._meet)
        self._lock.unlock()

    def close(self) -> None:
        """The window is about to go: later starts open their own."""
        if self._server is not None:
            self._server.close()
        self._lock.unlock()

    def _meet(self) -> None:
        assert self._server is not None
        while (connection := self._server.nextPendingConnection()) is not None:
            connection.setReadBufferSize(_MOST_LINE_BYTES)
            connection.disconnected.connect(connection.deleteLater)
            connection.readyRead.connect(self._hear)
        self._hear()  # what they said before we listened

    def _hear(self) -> None:
        """Whoever has said something. Nothing that a connection holds may hold us: as it goes it would take us along,
        and with us the server, which would delete the connection once more."""
        from PySide6.QtNetwork import QLocalSocket

        assert self._server is not None
        for connection in self._server.findChildren(QLocalSocket):
            while connection.canReadLine():
                self._answer(connection)
            if connection.bytesAvailable() >= _MOST_LINE_BYTES:  # of what no start says
                connection.abort()

    def _answer(self, connection: QLocalSocket) -> None:
        wish, _, path = bytes(connection.readLine(_MOST_LINE_BYTES).data()).strip().partition(b" ")
        if wish == SHOW:
            self.asked.emit()
            with suppress(ValueError):  # no path that a second start would send
                if path:
                    self.asked_to_open.emit(Path(os.fsdecode(bytes.fromhex(path.decode("ascii")))))
            connection.write(SHOWN)
            connection.flush()


def join_or_be_first(folder: DataFolder, file: Path | None = None) -> FirstWindow | None:
    """None where another window has this data folder open: it comes to the front and opens `file` (a whole path),
    and nothing is left to do here.

    A window that hangs is no window, nor is what a killed one left.
    """
    with suppress(OSError):  # a folder that cannot be written is told by the window itself
        folder.cache.mkdir(parents=True, exist_ok=True)
    name, lock = _name(folder), QLockFile(str(folder.cache / "window.lock"))
    lock.tryLock(_WAIT_MS)
    if _may_be_open(name) and _show_first(name, file):
        lock.unlock()
        return None
    return FirstWindow(name, lock)


def bring_to_front(window: QWidget) -> None:
    window.setWindowState(window.windowState() & ~Qt.WindowState.WindowMinimized)
    window.show()
    window.raise_()
    window.activateWindow()


def _may_be_open(name: str) -> bool:
    """False where one look at the disk says that no window listens."""
    return not Path(name).is_absolute() or Path(name).exists()


def _show_first(name: str, file: Path | None) -> bool:
    from PySide6.QtNetwork import QLocalSocket

    socket = QLocalSocket()
    socket.connectToServer(name)
    if not socket.waitForConnected(_CONNECT_MS):
        return False
    path = b" " + os.fsencode(file).hex().encode() if file is not None else b""
    socket.write(SHOW + path + b"\n")
    socket.flush()
    while not socket.canReadLine():
        if not socket.waitForReadyRead(_ANSWER_MS):
            return False
    return socket.readLine().data() == SHOWN


def _listen(name: str) -> QLocalServer:
    from PySide6.QtNetwork import QLocalServer

    server = QLocalServer()
    server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
    QLocalServer.removeServer(name)  # what a killed window left
    server.listen(name)
    return server


def _name(folder: DataFolder) -> str:
    """A socket in the data folder, which is its owner's; where the system has none or the path is too long for one, a
    name made of the folder's."""
    root = folder.root.absolute().resolve()
    socket = root / folder.cache.name / "window.socket"
    if sys.platform != "win32" and len(str(socket).encode("utf-8", "surrogateescape")) <= _MOST_PATH_BYTES:
        return str(socket)
    import hashlib

    owner = f"{Path.home()}\n{root}".encode("utf-8", "surrogateescape")
    return f"nibble-{hashlib.sha256(owner).hexdigest()[:24]}"
