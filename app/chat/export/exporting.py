"""From the store into a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from pathlib import Path

from app.chat.export import html_page, json_document, markdown
from app.chat.export.exported import Exported
from app.chat.store import ConversationStore
from app.core.errors import WrongChoice, from_os_error
from app.core.jobs import JobControl
from app.storage.atomic import finished_file


class ExportFormat(Enum):
    """Its value is the ending of a file's name."""

    MARKDOWN = "md"
    JSON = "json"
    HTML = "html"


_WRITERS: dict[ExportFormat, Callable[[Iterable[Exported]], Iterator[str]]] = {
    ExportFormat.MARKDOWN: markdown.write,
    ExportFormat.JSON: json_document.write,
    ExportFormat.HTML: html_page.write,
}
_OTHER_ENDINGS = {"markdown": ExportFormat.MARKDOWN, "htm": ExportFormat.HTML}


def format_of(target: Path) -> ExportFormat:
    """By the ending of its name. Raises WrongChoice."""
    ending = target.suffix.lower().removeprefix(".")
    if ending in _OTHER_ENDINGS:
        return _OTHER_ENDINGS[ending]
    try:
        return ExportFormat(ending)
    except ValueError:
        raise WrongChoice(
            f"{target.name} does not tell in which format conversations are to be written.",
            "End its name with .md, .json or .html.",
        ) from None


def export_to_file(
    database: Path, ids: Sequence[int] | None, target: Path, format: ExportFormat, control: JobControl
) -> int:
    """Writes these conversations, or all, in one file, which appears when it is whole; the result is how many.

    Those that are deleted meanwhile are left out. Raises what opening the database raises, and the fault behind a file
    that cannot be written.
    """
    count = 0

    def told(conversations: Iterable[Exported], total: int) -> Iterator[Exported]:
        nonlocal count
        for each in conversations:
            control.cancel.raise_if_cancelled()
            yield each
            count += 1
            control.progress("Writing conversations", count, total, "conversations")

    with ConversationStore(database) as store, finished_file(target) as partial:
        wanted = all_ids(store) if ids is None else list(ids)
        try:
            with partial.open("w", encoding="utf-8", newline="\n") as file:
                file.writelines(_WRITERS[format](told(read(store, wanted), len(wanted))))
        except OSError as error:
            raise from_os_error(error, target, writing=True) from error
    return count


def written(store: ConversationStore, ids: Sequence[int], format: ExportFormat) -> Iterator[str]:
    """The text, in parts."""
    return _WRITERS[format](read(store, ids))


def all_ids(store: ConversationStore) -> list[int]:
    """Also those that are archived, the one used last first."""
    return [conversation.id for conversation in store.conversations(archived=None)]


def read(store: ConversationStore, ids: Iterable[int]) -> Iterator[Exported]:
    for each in ids:
        try:
            conversation = store.conversation(each)
        except KeyError:  # deleted meanwhile
            continue
        every = store.all_messages(each)
        yield Exported(conversation, tuple(store.messages(each)), tuple(every), store.attachments_of(every))
