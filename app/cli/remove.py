"""`nibble remove`: deletes a model of the library."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from app.cli.running import JsonOption, engine_command, print_json
from app.cli.terminal import printable
from app.core.errors import WrongChoice
from app.core.units import format_bytes
from app.library import Removal, find_listed, library_places, plan_removal, remove, scan
from app.storage import data_folder, load_settings


@engine_command
def remove_model(
    name: Annotated[str, typer.Argument(help="A name in the library, or the path of a file in it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    for_good: Annotated[
        bool, typer.Option("--for-good", help="Delete instead of moving to the bin.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Move a model, all its parts, to the system's bin. Models of other programs are left alone."""
    data = data_folder()
    places = library_places(data, load_settings(data.settings).model_folders)
    removal = plan_removal(find_listed(name, scan(places, data.database)), places)
    if not yes:
        _ask(removal, for_good)
    remove(removal, data.database, for_good=for_good)
    if as_json:
        print_json(
            {
                "name": removal.entry.name,
                "files": [str(file) for file in removal.files],
                "file_bytes": removal.file_bytes,
                "bin": bool(removal.files) and not for_good,
            }
        )
    else:
        print(printable(_done(removal, for_good), lines=False))


def _ask(removal: Removal, for_good: bool) -> None:
    if not sys.stdin.isatty():
        raise WrongChoice(f"{_plan(removal, for_good)}: this needs a yes.", "Give --yes.")
    if not typer.confirm(f"{printable(_plan(removal, for_good), lines=False)}?", err=True):
        raise typer.Exit(1)


def _plan(removal: Removal, for_good: bool) -> str:
    if not removal.files:
        return f"Take {removal.entry.name} off the list"
    count = len(removal.files)
    what = f"{removal.entry.name} ({count} files, " if count > 1 else f"{removal.entry.name} ("
    what += f"{format_bytes(removal.file_bytes)})"
    return f"Delete {what} for good" if for_good else f"Move {what} to the bin"


def _done(removal: Removal, for_good: bool) -> str:
    if not removal.files:
        return f"{removal.entry.name} was gone already and is off the list now."
    where = "deleted" if for_good else "moved to the bin"
    files = ", ".join(str(file) for file in removal.files)
    return f"{removal.entry.name} was {where}: {files} ({format_bytes(removal.file_bytes)})."
