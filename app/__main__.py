"""One entry for everything: the window, the command line, and the worker processes.

The branches come before any import of the rooms behind them: a worker must not load Qt, the
window must not load llama.cpp, a reader of PDF files nothing else at all, and each starts as fast as it can.
"""

from __future__ import annotations

import gc
import os
import sys


def main() -> int:
    arguments = sys.argv[1:]
    if arguments == ["--runtime-worker"]:
        from app.runtime.worker.main import run_worker

        return run_worker()
    if arguments == ["--read-pdf"]:
        from app.documents.pdf_process import read_pdf_from_stdin

        return read_pdf_from_stdin()
    if arguments == ["--formulas"]:
        from app.ui.prose.formula_process import run

        return run()
    if not arguments:
        return _open_window()
    if arguments[0] == "--smoke-test":
        from app.ui.smoke_test import run_smoke_test

        return run_smoke_test(arguments[1:])
    if len(arguments) == 1 and _means_file(arguments[0]):
        return _open_window(arguments[0])
    try:
        from app.cli import run_command_line

        return run_command_line(arguments)
    except KeyboardInterrupt:  # before any command could take it
        return 130


def _means_file(argument: str) -> bool:
    """Whether it is a file to open in the window, as file managers pass it. Commands have no dot and no slash in them;
    a file called like one is reached by ./NAME."""
    if argument.startswith("-"):
        return False
    return argument.lower().endswith(".gguf") or (
        os.path.dirname(argument) != "" and os.path.exists(argument)
    )


def _open_window(file: str = "") -> int:
    # Whole modules live as long as the program: to look for cycles among them costs a tenth of the start. The window
    # collects at times of its own (`app.ui.garbage`).
    gc.disable()
    try:
        from app.ui.application import run_application
    except ImportError as error:
        # Qt is there, but a library of the system it needs is not.
        if ".so" not in str(error):
            raise
        print(f"nibble: the window cannot open: {error}.", file=sys.stderr)
        print("        The README names what a Linux server lacks.", file=sys.stderr)
        return 1
    if not file:
        return run_application()
    from pathlib import Path

    # A window that is open already may have another current folder. Links stay: their names are what people know.
    return run_application(sys.argv[:1], Path(os.path.abspath(file)))


if __name__ == "__main__":
    sys.exit(main())
