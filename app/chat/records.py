"""What a conversation and a message are, and how rows of the database are read as such."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TypeVar

import msgspec

from app.chat.attachments import AttachmentHead
from app.chat.tool_calls import decoded_calls
from app.runtime import ToolCall
from app.runtime.protocol import GenerationStatistics, Sampling, TemplateOptions, WhenFull

T = TypeVar("T")

NO_OPTIONS = TemplateOptions()
WHEN_FULL: WhenFull = "stop"
"""Unless the person chose otherwise: a model that was not given what was agreed at the beginning answers as confidently
as before, so nothing is left out that nobody allowed to be. Jan came to the same (its pull requests 5268 and 5275): it
stops, and offers to go on there and then. A rolling window, as people have it in LM Studio, is that one click away."""


class MessageState(Enum):
    STREAMING = "streaming"
    COMPLETE = "complete"
    STOPPED = "stopped"
    """The person pressed Stop."""
    CUT_OFF = "cut_off"
    """Nibble or the runtime ended in the middle of it."""


@dataclass(frozen=True)
class Conversation:
    """Times in seconds since 1970; `archived_at` None: it is not archived. `when_full`: what happens where it outgrows
    the context. `title_is_own`: a person gave it."""

    id: int
    title: str
    model_path: Path
    system_prompt: str
    sampling: Sampling
    created_at: float
    updated_at: float
    options: TemplateOptions = NO_OPTIONS
    when_full: WhenFull = WHEN_FULL
    title_is_own: bool = False
    is_pinned: bool = False
    archived_at: float | None = None


class WrittenWith(msgspec.Struct, frozen=True, kw_only=True):
    """What a model had been given for an answer, beside the messages."""

    model_path: str
    sampling: Sampling
    system_prompt: str = ""
    options: TemplateOptions = NO_OPTIONS


@dataclass(frozen=True)
class Message:
    """`role` 'user' or 'assistant'. `parent`: the message before it, None for a first one; `siblings`: all messages
    with that parent, itself among them, the oldest first. `attachments` go with prompts.

    The rest belongs to answers: `reasoning` is what the model thought before, for `reasoning_s` where that is known;
    `tool_calls` are those it asked for, which are not in its text.
    `is_edited`: a person wrote the text, out of that of an answer by the model named.
    """

    id: int
    role: str
    text: str
    state: MessageState
    created_at: float
    model_name: str | None = None
    quantization: str | None = None
    statistics: GenerationStatistics | None = None
    reasoning: str = ""
    reasoning_s: float | None = None
    parent: int | None = None
    siblings: tuple[int, ...] = ()
    is_edited: bool = False
    written_with: WrittenWith | None = None
    attachments: tuple[AttachmentHead, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()

    @property
    def can_continue(self) -> bool:
        """Whether it is an answer that ended before the model meant it to, or whose text a person gave."""
        if self.role != "assistant" or self.state is MessageState.STREAMING:
            return False
        is_at_limit = self.statistics is not None and self.statistics.finish_reason == "length"
        return self.state is not MessageState.COMPLETE or is_at_limit or self.is_edited


def conversation_of(row: sqlite3.Row) -> Conversation:
    return Conversation(
        id=row["id"],
        title=row["title"],
        model_path=Path(row["model_path"]),
        system_prompt=row["system_prompt"],
        sampling=decoded(row["sampling"], Sampling) or Sampling(),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        options=decoded(row["template_options"], TemplateOptions) or NO_OPTIONS,
        when_full="drop_oldest" if row["when_full"] == "drop_oldest" else "stop",
        title_is_own=bool(row["title_is_own"]),
        is_pinned=bool(row["is_pinned"]),
        archived_at=row["archived_at"],
    )


def message_of(
    row: sqlite3.Row,
    siblings: tuple[int, ...],
    attachments: tuple[AttachmentHead, ...] = (),
    more_text: str = "",
    more_reasoning: str = "",
) -> Message:
    """`more_text` and `more_reasoning`: what has been written since the row was."""
    statistics, written_with = row["statistics"], row["written_with"]
    return Message(
        id=row["id"],
        role=row["role"],
        text=row["text"] + more_text,
        state=MessageState(row["state"]),
        created_at=row["created_at"],
        model_name=row["model_name"],
        quantization=row["quantization"],
        statistics=decoded(statistics, GenerationStatistics) if statistics else None,
        reasoning=row["reasoning"] + more_reasoning,
        reasoning_s=row["reasoning_s"],
        parent=row["parent_id"],
        siblings=siblings,
        is_edited=bool(row["is_edited"]),
        written_with=decoded(written_with, WrittenWith) if written_with else None,
        attachments=attachments,
        tool_calls=decoded_calls(row["tool_calls"]),
    )


def encoded(value: msgspec.Struct) -> str:
    return msgspec.json.encode(value).decode()


def decoded(document: str, kind: type[T]) -> T | None:
    """None for what another version of Nibble wrote in a form this one does not know."""
    try:
        return msgspec.json.decode(document, type=kind)
    except msgspec.DecodeError:  # ValidationError is one, too
        return None
