"""Bugs: what is neither the person's doing nor the machine's.

Whole into the log, and to whoever shows it as "something went wrong in Nibble" with a report to copy.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from types import TracebackType

from PySide6.QtCore import QObject, Signal, qVersion

from app import __version__

log = logging.getLogger("nibble")


class BugReporter(QObject):
    """`reported` carries the report's text. May be called from any thread."""

    reported = Signal(str)

    def report(self, error: BaseException, doing: str = "") -> None:
        """`doing`: what was going on, e.g. the job's name."""
        text = describe(error, doing)
        log.error("%s", text)
        self.reported.emit(text)

    def install(self) -> None:
        """Takes over what nobody caught, on any thread."""
        sys.excepthook = self._uncaught
        threading.excepthook = lambda args: self._uncaught(args.exc_type, args.exc_value, args.exc_traceback)

    def _uncaught(
        self, kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, (KeyboardInterrupt, SystemExit)):
            sys.__excepthook__(kind, error or kind(), trace)
            return
        self.report(error or kind())


def describe(error: BaseException, doing: str) -> str:
    """The report: what a developer needs and nothing of the person's conversations."""
    import platform

    lines = [
        f"Nibble {__version__}, Python {platform.python_version()}, Qt {qVersion()}, {platform.platform()}",
        *([f"While: {doing}"] if doing else []),
        "",
        "".join(traceback.format_exception(error)).rstrip(),
    ]
    return "\n".join(lines)


_reporter: BugReporter | None = None


def reporter() -> BugReporter:
    """The one reporter of this process."""
    global _reporter
    if _reporter is None:
        _reporter = BugReporter()
    return _reporter
