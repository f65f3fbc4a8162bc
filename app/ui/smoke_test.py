"""`nibble --smoke-test [FILE]`: does this installation work? The window, the built-in model, one answer, and out.

For installers and whoever makes them. All of it is real: the window (without a screen, on none), the model made from
its checkpoint, a worker. It has a data folder of its own, which is gone afterwards. What came of it is one sentence on
stdout (where it went wrong, on stderr) and in FILE, since a program for windows has no stdout on Windows.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QApplication

from app import __version__
from app.core.errors import EnvironmentFault
from app.core.jobs import JobControl
from app.guide import FIRST_QUESTION, make_guide
from app.storage import data_folder
from app.ui import bugs, jobs
from app.ui.application import LEAVING_S, STYLE, open_window, prepare_application
from app.ui.first_paint import after_first_paint
from app.ui.window import MainWindow

QUANTIZATION = "Q4_0"
MOST_S = 180
"""On the slowest computer, with the runtime's packs to try beforehand."""


def run_smoke_test(arguments: Sequence[str]) -> int:
    """Exit status 0, or 1 where anything went wrong, 2 for wrong usage."""
    if len(arguments) > 1:
        _tell("--smoke-test takes one file, for what came of it.", None, is_fault=True)
        return 2
    report = Path(arguments[0]).absolute() if arguments else None
    if sys.platform.startswith("linux") and not {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys():
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    # What a worker that was just killed still holds, Windows does not delete.
    with TemporaryDirectory(prefix="nibble-smoke-test-", ignore_cleanup_errors=True) as home:
        before = os.environ.get("NIBBLE_HOME")
        os.environ["NIBBLE_HOME"] = home
        try:
            answer, fault = _answer_in_window()
        finally:
            if before is None:
                del os.environ["NIBBLE_HOME"]
            else:
                os.environ["NIBBLE_HOME"] = before
    if not answer and not fault:
        fault = "The window was closed before there was an answer."
    is_told = _tell(
        fault or f"nibble {__version__} works. Asked “{FIRST_QUESTION}”, it said: {answer}",
        report,
        is_fault=bool(fault),
    )
    return 1 if fault or not is_told else 0


def _answer_in_window() -> tuple[str, str]:
    """The answer, and what went wrong; both are empty where somebody closed the window."""
    shared = QApplication.instance()
    application = shared if isinstance(shared, QApplication) else QApplication([sys.argv[0], *STYLE])
    prepare_application(application)
    window = open_window(application, data_folder())
    conversation = _Conversation(window)
    bugs.reporter().reported.connect(conversation.fail)
    QTimer.singleShot(MOST_S * 1000, conversation, conversation.give_up)
    after_first_paint(window, conversation.begin)
    window.show()
    application.exec()
    jobs.cancel_all(LEAVING_S)
    window.services.close()
    return conversation.answer, conversation.fault


class _Conversation(QObject):
    """With the built-in model, on the page of chats. Closes the window when there is an answer, or none will come."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.answer = ""
        self.fault = ""
        self._window = window

    def begin(self) -> None:
        data = self._window.services.folder

        def work(control: JobControl) -> Path:
            return make_guide(data, [QUANTIZATION], control)[0]

        jobs.run(self, "Make the guide", work, on_done=self._open, on_failed=self._fail_with)

    def fail(self, words: str) -> None:
        self._end(fault=words.strip().splitlines()[-1])

    def give_up(self) -> None:
        self._end(fault=f"No answer came within {MOST_S} seconds.")

    def _fail_with(self, fault: EnvironmentFault) -> None:
        self.fail(fault.message)

    def _open(self, model: Path) -> None:
        page = self._window.show_page("chat")
        page.open_model(model)  # type: ignore[attr-defined]  # the chat page is the one that has it
        answering = page.answering  # type: ignore[attr-defined]
        answering.load_failed.connect(lambda path, fault: self._fail_with(fault))
        answering.ended.connect(self._ended)
        page.send(FIRST_QUESTION)  # type: ignore[attr-defined]

    def _ended(self, _: int, outcome: object) -> None:
        from app.ui.pages.chat_answering import Outcome

        assert isinstance(outcome, Outcome)
        if outcome.fault is not None:
            self._fail_with(outcome.fault)
        elif outcome.message is None or not outcome.message.text.strip():
            self.fail("The built-in model said nothing.")
        else:
            self._end(answer=" ".join(outcome.message.text.split()))

    def _end(self, answer: str = "", fault: str = "") -> None:
        """What came first, counts."""
        if not self.answer and not self.fault:
            self.answer, self.fault = answer, fault
            QTimer.singleShot(0, self._window, self._window.leave)


def _tell(sentence: str, report: Path | None, *, is_fault: bool) -> bool:
    """Whether the report was written, where one was asked for."""
    stream = sys.stderr if is_fault else sys.stdout
    with suppress(OSError, UnicodeError):  # where nobody listens
        if stream is not None:
            print(sentence, file=stream, flush=True)
    if report is None:
        return True
    try:
        report.write_text(f"{sentence}\n", encoding="utf-8")
    except OSError as error:
        _tell(f"{report} cannot be written: {error.strerror or error}.", None, is_fault=True)
        return False
    return True
