"""`nibble chats`: the conversations that are kept."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from app.chat import Conversation, ConversationStore, Hit
from app.chat.export import ExportFormat, export_to_file, format_of, written
from app.chat.export.exported import when
from app.chat.export.exporting import all_ids
from app.chat.search import MOST_HITS
from app.cli.running import JsonOption, engine_command, print_json, run_job
from app.cli.terminal import printable
from app.core.errors import WrongChoice
from app.core.jobs import JobControl
from app.storage import data_folder

chats = typer.Typer(help="List, search and export the conversations that are kept.", no_args_is_help=True)


@chats.command("list")
@engine_command
def list_chats(
    archived: Annotated[bool, typer.Option("--archived", help="Those that are archived.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the conversations, the one used last first."""
    with ConversationStore(data_folder().create().database) as store:
        found = store.conversations(archived=archived)
    if as_json:
        print_json({"conversations": [_document(each) for each in found]})
    elif found:
        _print_table(found)
    else:
        print(
            "No archived conversations."
            if archived
            else "No conversations yet. Try: nibble, or nibble chat guide"
        )


@chats.command("search")
@engine_command
def search_chats(
    words: Annotated[list[str], typer.Argument(help="All have to be there; the last may be only begun.")],
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many hits at most.")] = MOST_HITS,
    as_json: JsonOption = False,
) -> None:
    """Find what was said: in titles, prompts, answers, reasoning and attachments, archived or not."""
    database = data_folder().create().database
    run_job("Index", lambda control: _index(database, control))
    with ConversationStore(database) as store:
        found = store.search(" ".join(words), limit)
    if as_json:
        print_json({"hits": [_hit_document(each) for each in found]})
        return
    for each in found:
        where = each.attachment or each.place
        print(printable(f"{each.conversation}  {each.title}  [{where}]  {each.snippet}", lines=False))
    if not found:
        print("Nothing was found.")


def _index(database: Path, control: JobControl) -> None:
    with ConversationStore(database) as store:
        while store.index_some(within_s=0.02):
            control.cancel.raise_if_cancelled()
            progress = store.index_progress()
            control.progress("Reading the conversations", progress.done, progress.total)


def _hit_document(hit: Hit) -> dict[str, Any]:
    return {
        "conversation": hit.conversation,
        "message": hit.message,
        "role": hit.role,
        "title": hit.title,
        "archived": hit.is_archived,
        "place": hit.place,
        "attachment": hit.attachment,
        "snippet": hit.snippet,
        "places": [list(place) for place in hit.places],
        "written_at_s": hit.written_at,
    }


@chats.command("export")
@engine_command
def export_chats(
    ids: Annotated[
        list[int] | None, typer.Argument(help="Numbers of `nibble chats list`; all without any.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The file; without it, to stdout.")] = None,
    format: Annotated[
        ExportFormat | None, typer.Option("--format", help="By the file's name, or else Markdown.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write conversations as Markdown, JSON (with all branches) or a stand-alone HTML page."""
    database = data_folder().create().database
    with ConversationStore(database) as store:
        wanted = list(dict.fromkeys(ids)) if ids else all_ids(store)
        for each in wanted:
            if not store.exists(each):
                raise WrongChoice(f"There is no conversation {each}.", "See: nibble chats list")
        if out is None:
            _print(
                store, wanted, format or (ExportFormat.JSON if as_json else ExportFormat.MARKDOWN), as_json
            )
            return
    chosen = format or format_of(out)
    count = run_job("Export", lambda control: export_to_file(database, wanted, out, chosen, control))
    if as_json:
        print_json({"file": str(out), "format": chosen.value, "conversations": count})
    else:
        print(printable(f"{count:,} conversations are in {out}.", lines=False))


def _print(store: ConversationStore, wanted: list[int], format: ExportFormat, as_json: bool) -> None:
    if as_json and format is not ExportFormat.JSON:
        raise WrongChoice("--json prints JSON and no other format.", "Leave --json out, or give --out.")
    for part in written(store, wanted, format):
        sys.stdout.write(printable(part, lines=True) if sys.stdout.isatty() else part)


def _document(conversation: Conversation) -> dict[str, Any]:
    return {
        "id": conversation.id,
        "title": conversation.title,
        "model_path": str(conversation.model_path),
        "created_at_s": conversation.created_at,
        "updated_at_s": conversation.updated_at,
        "pinned": conversation.is_pinned,
        "archived": conversation.archived_at is not None,
    }


def _print_table(conversations: list[Conversation]) -> None:
    # Imported here: it takes longer than all the rest, and scripts never see it.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Number", justify="right", no_wrap=True)
    table.add_column("Last used", no_wrap=True)
    table.add_column("Title", no_wrap=True)
    for each in conversations:
        title = Text(printable(each.title, lines=False))  # in a plain str, rich would look for markup
        table.add_row(str(each.id), when(each.updated_at), title)
    Console(soft_wrap=True).print(table)
