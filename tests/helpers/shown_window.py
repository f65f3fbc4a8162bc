"""The window in a process of its own that tells what it is given to show: one line of JSON each, on stdout.

    python -m tests.helpers.shown_window CONVERSATION

It opens that conversation; every line on stdin is a prompt. What is on the pipe is with the reader, whatever becomes of
this process then.
"""

from __future__ import annotations

import json
import os
import sys
import threading

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QApplication

from app.chat import AnswerDelta
from app.storage import data_folder
from app.ui.application import open_window, prepare_application
from app.ui.pages.chat import ChatPage


class Prompts(QObject):
    """Lines of stdin, on the GUI thread."""

    came = Signal(str)
    ended = Signal()

    def __init__(self) -> None:
        super().__init__()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in sys.stdin:
            self.came.emit(line.rstrip("\n"))
        self.ended.emit()


def tell(**what: object) -> None:
    os.write(sys.stdout.fileno(), json.dumps(what).encode() + b"\n")


def main() -> int:
    application = QApplication(sys.argv[:1])
    prepare_application(application)
    window = open_window(application, data_folder())
    window.show()
    page = window.show_page("chat")
    assert isinstance(page, ChatPage)
    page.open_conversation(int(sys.argv[1]))

    def arrived(_: int, delta: AnswerDelta) -> None:
        page.column.repaint()
        tell(text=delta.text, worker=page.answering.worker_pid)

    # Connected after the page's own, so that it has been shown when it is told.
    page.answering.arrived.connect(arrived, Qt.ConnectionType.DirectConnection)
    page.answering.ended.connect(lambda *_: tell(ended=True))
    prompts = Prompts()
    prompts.came.connect(page.send)
    prompts.ended.connect(window.leave)
    tell(ready=True)
    return application.exec()


if __name__ == "__main__":
    sys.exit(main())
