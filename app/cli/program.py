"""The table of commands."""

from __future__ import annotations

import io
import sys
from importlib import import_module
from typing import Annotated

import typer

from app import __version__

COMMANDS = {
    "doctor": "app.cli.doctor:doctor",
    "inspect": "app.cli.inspect:inspect",
    "estimate": "app.cli.estimate:estimate_memory",
    "recommend": "app.cli.recommend:recommend",
    "search": "app.cli.search:search_hub",
    "pull": "app.cli.pull:pull",
    "list": "app.cli.list:list_models",
    "remove": "app.cli.remove:remove_model",
    "convert": "app.cli.convert:convert",
    "chat": "app.cli.chat:chat",
    "chats": "app.cli.chats:chats",
    "compare": "app.cli.compare:compare",
    "bench": "app.cli.bench:bench",
}
"""Where each is; in the order of the help."""


def run_command_line(arguments: list[str]) -> int:
    """Runs one command; the result is its exit code (see `app.cli.running`)."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Whatever the terminal's encoding: JSON is UTF-8, and what has no UTF-8 (a byte of a file
        # name) is written as JSON escapes it.
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        _program(arguments)(arguments, prog_name="nibble")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    return 0


def _program(arguments: list[str]) -> typer.Typer:
    """With the one command that is asked for: importing all of them takes as long as a small download."""
    program = typer.Typer(
        name="nibble",
        help="Run quantized language models on your own computer, and see what the saved bits cost."
        " Without a command, the window opens.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    program.callback()(_options)
    asked = arguments[:1]
    for name in asked if COMMANDS.keys() & asked else COMMANDS:
        module, _, function = COMMANDS[name].partition(":")
        found = getattr(import_module(module), function)
        if isinstance(found, typer.Typer):  # with commands of its own
            program.add_typer(found, name=name)
        else:
            program.command(name)(found)
    return program


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"nibble {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass
