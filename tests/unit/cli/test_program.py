"""The table of commands says of each what it says itself, without importing it."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest
import typer

from app.cli.program import COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_overview_has_the_first_words_of_the_help_of_each_command(name: str) -> None:
    module, _, function = COMMANDS[name].function.partition(":")
    found = getattr(import_module(module), function)
    told = found.info.help if isinstance(found, typer.Typer) else found.__doc__
    assert " ".join(told.partition("\n\n")[0].split()) == COMMANDS[name].help


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_overview_and_version_import_no_command(arguments: list[str]) -> None:
    script = (
        "import sys; from app.__main__ import main\n"
        f"sys.argv[1:] = {arguments!r}\n"
        "assert main() == 0\n"
        "print([name for name in sys.modules if name in ('app.library', 'app.chat', 'app.hub', 'huggingface_hub')])"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"
