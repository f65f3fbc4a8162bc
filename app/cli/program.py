"""The table of commands."""

from __future__ import annotations

import io
import sys
from importlib import import_module
from typing import Annotated, NamedTuple

import typer

from app import __version__


class Command(NamedTuple):
    """Where its function is, and its line in the overview, which is also the first of its own help."""

    function: str
    help: str


COMMANDS = {
    "doctor": Command(
        "app.cli.doctor:doctor",
        "Describe this machine: processor, memory, accelerators and the runtime.",
    ),
    "packs": Command(
        "app.cli.packs:packs",
        "List, get, remove and choose runtime packs: llama.cpp built for one kind of hardware each.",
    ),
    "inspect": Command("app.cli.inspect:inspect", "Show the header facts of a model."),
    "estimate": Command(
        "app.cli.estimate:estimate_memory",
        "Tell what a model with its context takes in memory, and whether that fits.",
    ),
    "recommend": Command(
        "app.cli.recommend:recommend",
        "Recommend a quantization of a model, or the models that suit this computer.",
    ),
    "search": Command(
        "app.cli.search:search_hub",
        "Search the Hugging Face Hub for models, and tell how each would run here.",
    ),
    "pull": Command(
        "app.cli.pull:pull",
        "Download a model; Ctrl+C pauses it, and the same command goes on.",
    ),
    "list": Command(
        "app.cli.list:list_models",
        "List the models of the library, also those that other programs have here.",
    ),
    "remove": Command(
        "app.cli.remove:remove_model",
        "Move a model, all its parts, to the system's bin. Models of other programs are left alone.",
    ),
    "convert": Command(
        "app.cli.convert:convert",
        "Make quantizations of a model, or a GGUF of a Hugging Face checkpoint or a LoRA adapter.",
    ),
    "calibrate": Command(
        "app.cli.calibrate:calibrate_model",
        "Take a model's importance matrix over a text, which makes its quantizations better.",
    ),
    "chat": Command("app.cli.chat:chat", "Chat with a model."),
    "compare": Command(
        "app.cli.compare:compare",
        "Give the same prompts to several models, with the same seed and settings, and tell where they part ways.",
    ),
    "bench": Command(
        "app.cli.bench:bench",
        "Measure how fast a model evaluates a prompt and generates, with random tokens.",
    ),
    "chats": Command("app.cli.chats:chats", "List, search and export the conversations that are kept."),
    "comparisons": Command(
        "app.cli.comparisons:comparisons", "List and export the comparisons that are kept."
    ),
    "updates": Command(
        "app.cli.updates:updates",
        "Ask which release of Nibble is the newest. Nothing is downloaded or installed.",
    ),
    "licences": Command("app.cli.licences:licences", "Tell the licences of all that is in Nibble."),
}
"""In the order of the overview."""


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
    """Only the command that is asked for is imported; of the others the overview has a line. To import all of
    them takes as long as a small download."""
    asked = next((each for each in arguments if each in COMMANDS), None)
    program = typer.Typer(
        name="nibble",
        help="Run quantized language models on your own computer, and see what the saved bits cost."
        " Without a command, the window opens; with a model's file alone, it opens that one.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    program.callback(invoke_without_command=True)(_options)
    for name, command in COMMANDS.items():
        if name == asked:
            _add(program, name, command)
        else:
            program.command(name, help=command.help)(_elsewhere)
    return program


def _add(program: typer.Typer, name: str, command: Command) -> None:
    module, _, function = command.function.partition(":")
    found = getattr(import_module(module), function)
    if isinstance(found, typer.Typer):  # with commands of its own
        program.add_typer(found, name=name)
    else:
        program.command(name)(found)


def _elsewhere() -> None:
    """Stands in the overview for a command that is not the one asked for."""
    raise AssertionError("the command that was asked for is another one")


def _options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version; with --json, those of all parts.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", hidden=True)] = False,
) -> None:
    if version:
        _print_version(as_json=as_json)
        raise typer.Exit
    if as_json:
        raise typer.BadParameter(
            "it goes with --version here, and behind the command else.", context, param_hint="--json"
        )
    if context.invoked_subcommand is None:
        raise typer.BadParameter("which command?", context)


def _print_version(*, as_json: bool) -> None:
    if not as_json:
        typer.echo(f"nibble {__version__}")
        return
    import json
    from dataclasses import asdict

    from app.about.versions import read_versions

    typer.echo(json.dumps(asdict(read_versions()), ensure_ascii=False, indent=2))
