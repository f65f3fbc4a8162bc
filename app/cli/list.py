"""`nibble list`: the models on this machine."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.cli.running import JsonOption, engine_command, print_json
from app.cli.terminal import printable
from app.core.units import format_bytes, format_count
from app.library import LibraryEntry, library_folders, scan
from app.storage import data_folder, load_settings


@engine_command
def list_models(as_json: JsonOption = False) -> None:
    """List the models of the library."""
    data = data_folder()
    folders = library_folders(data, load_settings(data.settings))
    entries = scan([folder for folder in folders if folder.exists() or folder != data.models])
    models = [entry for entry in entries if entry.facts is not None]
    problems = [entry for entry in entries if entry.fault is not None]
    if as_json:
        print_json(
            {
                "folders": [str(folder) for folder in folders],
                "models": [_document(entry) for entry in models],
                "problems": [
                    {"name": entry.name, "path": str(entry.path), "problem": str(entry.fault)}
                    for entry in problems
                ],
            }
        )
        return
    if models:
        Console(soft_wrap=True).print(_table(models))
    elif not problems:
        print(f"No models yet. Put .gguf files into {data.models}, or add a folder in the window.")
    for entry in problems:
        print(printable(f"{entry.name}: {entry.fault}", lines=False))


def _document(entry: LibraryEntry) -> dict[str, Any]:
    facts = entry.facts
    assert facts is not None
    return {
        "name": entry.name,
        "path": str(entry.path),
        "title": entry.title,
        "kind": facts.kind,
        "architecture": facts.architecture,
        "parameters": facts.parameters,
        "quantization": facts.quantization,
        "bits_per_weight": facts.bits_per_weight,
        "context_length": facts.context_length,
        "file_bytes": facts.file_bytes,
    }


def _table(models: list[LibraryEntry]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Name", no_wrap=True)
    for column in ("Quantization", "Parameters", "Size", "Context"):
        table.add_column(column, justify="right", no_wrap=True)
    for entry in models:
        facts = entry.facts
        assert facts is not None
        table.add_row(
            Text(printable(entry.name, lines=False)),  # in a plain str, rich would look for markup
            facts.quantization or "–",
            format_count(facts.parameters),
            format_bytes(facts.file_bytes),
            f"{facts.context_length:,}" if facts.context_length else "–",
        )
    return table
