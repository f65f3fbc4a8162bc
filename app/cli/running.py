"""From what happened to what the terminal sees: exit codes, errors, progress, JSON.

Exit codes: 0 done, 1 the request cannot be met, 2 wrong usage (typer's), 3 a bug in Nibble, 130
interrupted. Results go to stdout, everything else to stderr.
"""

from __future__ import annotations

import functools
import json
import math
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec, TypeVar

import typer

from app.cli.terminal import printable
from app.core.errors import Cancelled, EnvironmentFault
from app.core.jobs import Ended, Job, JobControl
from app.core.jobs import Progress as JobProgress
from app.core.units import format_duration
from app.storage import data_folder
from app.storage.damage import needs_recovery

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

P = ParamSpec("P")
T = TypeVar("T")

EXIT_CANNOT = 1
EXIT_BUG = 3
EXIT_INTERRUPTED = 130

_LOOK_S = 0.1
_SHOWN_AFTER_S = 0.3
"""Whoever waits less needs no progress, and to load what draws it takes a third as long."""

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


def engine_command(command: Callable[P, None]) -> Callable[P, None]:
    """Turns every way a command can end into its exit code."""

    @functools.wraps(command)
    def run(*arguments: P.args, **options: P.kwargs) -> None:
        try:
            try:
                _recover_database()
                command(*arguments, **options)
            finally:
                sys.stdout.flush()  # while a closed pipe can still be met with an exit code
        except (Cancelled, KeyboardInterrupt):
            raise typer.Exit(EXIT_INTERRUPTED) from None
        except EnvironmentFault as fault:
            print_fault(fault)
            raise typer.Exit(EXIT_CANNOT) from None
        except BrokenPipeError:  # the reader of a pipe has had enough, e.g. `| head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the interpreter's last flush
            raise typer.Exit(EXIT_CANNOT) from None
        except (typer.Exit, typer.BadParameter):
            raise
        except Exception:
            print("Something went wrong in Nibble. This is a bug; please report:", file=sys.stderr)
            traceback.print_exc()
            raise typer.Exit(EXIT_BUG) from None

    return run


def _recover_database() -> None:
    """Where it is damaged. Many a command does without it: one that does not will tell that it cannot be recovered."""
    database = data_folder().database
    if not needs_recovery(database):
        return
    from app.chat.recovered import recover_conversations

    try:
        recovered = recover_conversations(database)
    except EnvironmentFault as fault:
        print_fault(fault)
        return
    if recovered is not None:
        print(f"nibble: {printable(recovered.sentence, lines=False)}", file=sys.stderr)


def print_fault(fault: EnvironmentFault) -> None:
    print(f"nibble: {printable(fault.message, lines=False)}", file=sys.stderr)
    if fault.hint:
        print(f"        {printable(fault.hint, lines=False)}", file=sys.stderr)


def print_json(document: dict[str, Any]) -> None:
    json.dump(document, sys.stdout, ensure_ascii=False, indent=2)
    print()


def run_job(
    name: str, work: Callable[[JobControl], T], on_value: Callable[[object], None] = lambda value: None
) -> T:
    """Runs `work` as a job with its progress on stderr; Ctrl+C cancels it and waits for its end."""
    with _ProgressLine() as line:

        def listen(event: object) -> None:
            if isinstance(event, JobProgress):
                line.tell(event)
            elif not isinstance(event, Ended):
                line.clear()
                on_value(getattr(event, "value", None))

        job = Job(name, work, listen).start()
        try:
            while not job.wait(_LOOK_S):
                line.draw()
        except KeyboardInterrupt:
            job.cancel()
            job.wait()
            raise
        return job.result()


class _ProgressLine:
    """One line on stderr while a terminal watches, from when something takes long; nothing otherwise.

    `tell` and `clear` are for any thread.
    """

    def __init__(self) -> None:
        self._draws_from = time.monotonic() + _SHOWN_AFTER_S if sys.stderr.isatty() else math.inf
        self._lock = threading.Lock()
        self._told: JobProgress | None = None
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> _ProgressLine:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def tell(self, progress: JobProgress) -> None:
        with self._lock:
            self._told = progress

    def draw(self) -> None:
        with self._lock:
            if self._told is not None and time.monotonic() >= self._draws_from:
                self._show(self._told)
                self._told = None

    def _show(self, progress: JobProgress) -> None:
        stage = printable(progress.stage, lines=False)
        if self._bar is None:
            self._bar = _bar()
            self._task = self._bar.add_task(stage, total=None, left="")
            self._bar.start()
        assert self._task is not None
        left = f"{format_duration(progress.left_s)} left" if progress.left_s is not None else ""
        self._bar.update(
            self._task,
            description=stage,
            completed=progress.done,
            total=progress.total or None,
            left=left,
        )

    def clear(self) -> None:
        with self._lock:
            self._told = None
            if self._bar is not None:
                self._bar.stop()
                self._bar = None


def _bar() -> Progress:
    # Imported here: it takes longer than a small download, and scripts never see it.
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[left]}"),
        console=Console(stderr=True),
        transient=True,
    )
