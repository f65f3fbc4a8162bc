"""One entry for everything: the window, the command line, and the worker processes.

The branches come before any import of the rooms behind them: a worker must not load Qt, the
window must not load llama.cpp, and each starts as fast as it can.
"""

from __future__ import annotations

import sys


def main() -> int:
    arguments = sys.argv[1:]
    if arguments == ["--runtime-worker"]:
        from app.runtime.worker.main import run_worker

        return run_worker()
    if not arguments:
        from app.ui.application import run_application

        return run_application()
    from app.cli import run_command_line

    return run_command_line(arguments)


if __name__ == "__main__":
    sys.exit(main())
