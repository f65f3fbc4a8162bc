"""Conversations as one JSON document with all that is kept of them, every branch among it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from app.chat.attachments import Attachment
from app.chat.export.exported import Exported
from app.chat.records import Message

FORMAT, VERSION = "nibble conversations", 1


def write(conversations: Iterable[Exported]) -> Iterator[str]:
    head = {"format": FORMAT, "version": VERSION, "exported_at_s": time.time()}
    opening = _text(head)
    yield f'{opening[: opening.rindex("}")].rstrip()},\n  "conversations": ['
    for number, each in enumerate(conversations):
        yield ",\n" if number else "\n"
        yield "\n".join(f"    {line}" for line in _text(_conversation(each)).split("\n"))
    yield "\n  ]\n}\n"


def _text(document: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def _conversation(exported: Exported) -> dict[str, Any]:
    conversation = exported.conversation
    return {
        "id": conversation.id,
        "title": conversation.title,
        "title_is_own": conversation.title_is_own,
        "model_path": str(conversation.model_path),
        "system_prompt": conversation.system_prompt,
        "sampling": conversation.sampling,
        "template_options": conversation.options,
        "when_full": conversation.when_full,
        "created_at_s": conversation.created_at,
        "updated_at_s": conversation.updated_at,
        "is_pinned": conversation.is_pinned,
        "archived_at_s": conversation.archived_at,
        "shown": [message.id for message in exported.shown],
        "messages": [
            _message(message, exported.attachments.get(message.id, ())) for message in exported.every
        ],
    }


def _message(message: Message, attachments: Sequence[Attachment]) -> dict[str, Any]:
    """`parent`: the message before it; several with one parent are branches."""
    return {
        "id": message.id,
        "parent": message.parent,
        "role": message.role,
        "text": message.text,
        "state": message.state,
        "created_at_s": message.created_at,
        "model_name": message.model_name,
        "quantization": message.quantization,
        "statistics": message.statistics,
        "reasoning": message.reasoning,
        "reasoning_s": message.reasoning_s,
        "tool_calls": message.tool_calls,
        "is_edited": message.is_edited,
        "written_with": message.written_with,
        "attachments": [{**msgspec.to_builtins(each.head), "text": each.text} for each in attachments],
    }
