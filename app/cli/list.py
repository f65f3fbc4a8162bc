"""`nibble list`: the models on this machine."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.cli.running import JsonOption, engine_command, print_json
from app.cli.terminal import printable
from app.core.units import format_bytes, format_count
from app.guide import guide_fault
from app.library import LibraryEntry, entry_fault, is_built_in, library_folders, scan
from app.storage import DataFolder, data_folder, load_settings


@engine_command
def list_models(as_json: JsonOption = False) -> None:
    """List the models of the library."""
    data = data_folder()
    folders = library_folders(data, load_settings(data.settings))
    own = (data.models, data.guide)
    entries = scan([folder for folder in folders if folder.exists() or folder not in own])
    models = [entry for entry in entries if entry.facts is not None]
    problems = [entry for entry in entries if entry.fault is not None]
    guide_made = any(is_built_in(entry.path, data) for entry in models)
    guide_problem = guide_fault()
    if as_json:
        print_json(
            {
                "folders": [str(folder) for folder in folders],
                "models": [_document(entry, data) for entry in models],
                "problems": [
                    {"name": entry.name, "path": str(entry.path), "problem": str(entry_fault(entry, data))}
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
        Console(soft_wrap=True).print(_table(models, data))
    elif not problems:
        print(f"No models yet. Put .gguf files into {data.models}, or add a folder in the window.")
    for entry in problems:
        print(printable(f"{entry.name}: {entry_fault(entry, data)}", lines=False))
    if guide_problem is not None:
        print(f"guide: {guide_problem}")
    elif not guide_made:
        print("guide: a tiny model built into Nibble, made at its first use. Try: nibble chat guide")


def _document(entry: LibraryEntry, data: DataFolder) -> dict[str, Any]:
    facts = entry.facts
    assert facts is not None
    return {
        "name": entry.name,
        "path": str(entry.path),
        "title": entry.title,
        "built_in": is_built_in(entry.path, data),
        "kind": facts.kind,
        "architecture": facts.architecture,
        "parameters": facts.parameters,
        "quantization": facts.quantization,
        "bits_per_weight": facts.bits_per_weight,
        "context_length": facts.context_length,
        "file_bytes": facts.file_bytes,
    }


def _table(models: list[LibraryEntry], data: DataFolder) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Name", no_wrap=True)
    for column in ("Quantization", "Parameters", "Size", "Context"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("")
    for entry in models:
        facts = entry.facts
        assert facts is not None
        table.add_row(
            Text(printable(entry.name, lines=False)),  # in a plain str, rich would look for markup
            facts.quantization or "–",
            format_count(facts.parameters),
            format_bytes(facts.file_bytes),
            f"{facts.context_length:,}" if facts.context_length else "–",
            "built in" if is_built_in(entry.path, data) else "",
        )
    return table
