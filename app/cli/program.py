"""The table of commands."""

from __future__ import annotations

import io
import sys
from typing import Annotated

import typer

from app import __version__
from app.cli.chat import chat
from app.cli.compare import compare
from app.cli.convert import convert
from app.cli.doctor import doctor
from app.cli.estimate import estimate_memory
from app.cli.inspect import inspect
from app.cli.list import list_models
from app.cli.recommend import recommend

commands = typer.Typer(
    name="nibble",
    help="Run quantized language models on your own computer, and see what the saved bits cost."
    " Without a command, the window opens.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

commands.command("doctor")(doctor)
commands.command("inspect")(inspect)
commands.command("estimate")(estimate_memory)
commands.command("recommend")(recommend)
commands.command("list")(list_models)
commands.command("convert")(convert)
commands.command("chat")(chat)
commands.command("compare")(compare)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"nibble {__version__}")
        raise typer.Exit


@commands.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def run_command_line(arguments: list[str]) -> int:
    """Runs one command; the result is its exit code (see `app.cli.running`)."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Whatever the terminal's encoding: JSON is UTF-8, and what has no UTF-8 (a byte of a file
        # name) is written as JSON escapes it.
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        commands(arguments, prog_name="nibble")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    return 0
