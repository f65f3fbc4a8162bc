"""`nibble list`: the models on this machine."""

from __future__ import annotations

from typing import Any

from app.cli.running import JsonOption, engine_command, print_json
from app.cli.terminal import printable
from app.core.units import format_bytes, format_count
from app.guide import guide_fault
from app.library import (
    EntryState,
    LibraryEntry,
    Place,
    entry_fault,
    is_built_in,
    library_places,
    place_sizes,
    scan,
)
from app.storage import DataFolder, data_folder, load_settings


@engine_command
def list_models(as_json: JsonOption = False) -> None:
    """List the models of the library, also those that other programs have here."""
    data = data_folder()
    own = (data.models, data.guide)
    places = [
        place
        for place in library_places(data, load_settings(data.settings).model_folders)
        if place.folder.exists() or place.folder not in own
    ]
    entries = scan(places, data.database)
    models = [entry for entry in entries if entry.facts is not None]
    problems = [entry for entry in entries if entry.fault is not None]
    guide_made = any(is_built_in(entry.path, data) for entry in models)
    guide_problem = guide_fault()
    if as_json:
        print_json(
            {
                "folders": _folders(entries, places),
                "models": [_document(entry, data) for entry in models],
                "problems": [
                    {
                        "name": entry.name,
                        "path": str(entry.path),
                        "source": entry.program.id,
                        "state": entry.state,
                        "problem": str(entry_fault(entry, data)),
                    }
                    for entry in problems
                ],
                "guide": {
                    "name": "guide",
                    "made": guide_made,
                    "problem": str(guide_problem) if guide_problem else None,
                },
            }
        )
        return
    if models:
        _print_table(models, data)
    elif not problems:
        print(f"No models yet. Put .gguf files into {data.models}, or add a folder in the window.")
    for entry in problems:
        print(printable(f"{entry.name}: {entry_fault(entry, data)}", lines=False))
    if guide_problem is not None:
        print(f"guide: {guide_problem}")
    elif not guide_made:
        print("guide: a tiny model built into Nibble, made at its first use. Try: nibble chat guide")


def _folders(entries: list[LibraryEntry], places: list[Place]) -> list[dict[str, Any]]:
    sizes = {size.place: size for size in place_sizes(entries, places)}
    return [
        {
            "path": str(place.folder),
            "source": place.program.id,
            "models": sizes[place].models if place in sizes else 0,
            "file_bytes": sizes[place].file_bytes if place in sizes else 0,
        }
        for place in places
    ]


def _document(entry: LibraryEntry, data: DataFolder) -> dict[str, Any]:
    facts = entry.facts
    assert facts is not None
    return {
        "name": entry.name,
        "aliases": list(entry.aliases),
        "path": str(entry.path),
        "title": entry.title,
        "source": entry.program.id,
        "state": entry.state,
        "origin": entry.origin or None,
        "built_in": is_built_in(entry.path, data),
        "kind": facts.kind,
        "companions": [str(companion) for companion in entry.companions],
        "architecture": facts.architecture,
        "family": entry.family,
        "parameters": facts.parameters,
        "quantization": facts.quantization,
        "bits_per_weight": facts.bits_per_weight,
        "context_length": facts.context_length,
        "licence": entry.licence or None,
        "files": facts.files,
        "file_bytes": facts.file_bytes,
        "last_used_at_s": entry.last_used_at,
    }


def _print_table(models: list[LibraryEntry], data: DataFolder) -> None:
    # Imported here: it takes as long as all the rest, and scripts never see it.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Name", no_wrap=True)
    for column in ("Quantization", "Parameters", "Size", "Context"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("Source", no_wrap=True)
    for entry in models:
        facts = entry.facts
        assert facts is not None
        table.add_row(
            Text(printable(entry.name, lines=False)),  # in a plain str, rich would look for markup
            facts.quantization or "–",
            format_count(facts.parameters),
            format_bytes(facts.file_bytes),
            f"{facts.context_length:,}" if facts.context_length else "–",
            _source(entry, data),
        )
    Console(soft_wrap=True).print(table)


def _source(entry: LibraryEntry, data: DataFolder) -> str:
    """Whose it is, and what has to be said of it."""
    marks = [entry.program.title]
    if is_built_in(entry.path, data):
        marks.append("built in")
    elif entry.facts is not None and entry.facts.kind != "model":
        marks.append(_KINDS.get(entry.facts.kind, entry.facts.kind))
    if entry.state is EntryState.CHANGED:
        marks.append("changed since it was checked")
    return ", ".join(marks)


_KINDS = {"mmproj": "projector", "imatrix": "importance matrix"}
