"""What of a conversation is written, and the words that all formats for people share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from app.chat.attachments import Attachment
from app.chat.records import Conversation, Message, MessageState
from app.core.units import format_bytes
from app.documents import shown_name


@dataclass(frozen=True)
class Exported:
    """`shown`: the branch that the window shows; `every`: the messages of all branches; `attachments` by the ids of
    those that have any."""

    conversation: Conversation
    shown: tuple[Message, ...]
    every: tuple[Message, ...]
    attachments: Mapping[int, tuple[Attachment, ...]]

    @property
    def title(self) -> str:
        return " ".join(self.conversation.title.split()) or "Conversation"


def author(message: Message) -> str:
    """Who wrote it: "You", or the model with its quantization."""
    if message.role == "user":
        return "You"
    return " · ".join(part for part in (message.model_name or "Model", message.quantization) if part)


def remarks(message: Message) -> list[str]:
    """What has to be said of it beside its text."""
    said = [
        f"With the file {shown_name(head.name)} ({format_bytes(head.size_bytes)})."
        for head in message.attachments
    ]
    if message.state is MessageState.CUT_OFF:
        said.append("Cut off.")
    elif message.state is MessageState.STOPPED:
        said.append("Stopped.")
    elif message.state is MessageState.STREAMING:
        said.append("Being written.")
    if message.is_edited:
        said.append("Edited by you.")
    return said


def when(seconds: float) -> str:
    """The time here, to the minute; nothing for one that no calendar has."""
    try:
        return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M")
    except (OverflowError, ValueError, OSError):
        return ""
