"""`nibble comparisons`: what was compared in the window, and is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from app.chat.export.exported import when
from app.cli.running import JsonOption, engine_command, print_json
from app.cli.terminal import printable
from app.compare.report import write_report
from app.compare.report_json import session_document
from app.compare.session import SessionHead
from app.compare.session_store import SessionStore
from app.storage import data_folder

comparisons = typer.Typer(help="List and export the comparisons that are kept.", no_args_is_help=True)


@comparisons.command("list")
@engine_command
def list_comparisons(as_json: JsonOption = False) -> None:
    """List them, the one used last first."""
    with SessionStore(data_folder().create().database) as store:
        found = store.sessions()
    if as_json:
        print_json({"comparisons": [_document(each) for each in found]})
    elif found:
        _print_table(found)
    else:
        print("Nothing was compared yet. Try: nibble, or nibble compare")


@comparisons.command("export")
@engine_command
def export_comparison(
    number: Annotated[int, typer.Argument(help="As `nibble comparisons list` tells it.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="A report (.html) or all of it (.json); without it, JSON to stdout."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write one as a stand-alone HTML report, or as JSON."""
    with SessionStore(data_folder().create().database) as store:
        session = store.session(number)
    if out is None:
        print_json(session_document(session))
        return
    write_report(session, out)
    if as_json:
        print_json({"file": str(out), "comparison": number})
    else:
        print(printable(f"The comparison is in {out}.", lines=False))


def _document(head: SessionHead) -> dict[str, Any]:
    return {
        "id": head.id,
        "title": head.title,
        "models": list(head.models),
        "created_at_s": head.created_at,
        "changed_at_s": head.changed_at,
    }


def _print_table(heads: list[SessionHead]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Number", justify="right", no_wrap=True)
    for name in ("Last used", "Title", "Models"):
        table.add_column(name, no_wrap=True)
    for each in heads:
        names = (printable(text, lines=False) for text in (each.title, ", ".join(each.models)))
        table.add_row(str(each.id), when(each.changed_at), *map(Text, names))
    Console(soft_wrap=True).print(table)
