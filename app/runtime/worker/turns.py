"""The turns of a conversation."""

from __future__ import annotations

from collections.abc import Sequence

from app.runtime.protocol import ChatMessage


def share_out(messages: Sequence[ChatMessage]) -> tuple[list[ChatMessage], list[list[ChatMessage]]]:
    """What opens a conversation (the system prompt), and its turns: a user's message with all up to the next one."""
    opening: list[ChatMessage] = []
    turns: list[list[ChatMessage]] = []
    for message in messages:
        if not turns and message.role == "system":
            opening.append(message)
        elif not turns or (message.role == "user" and any(one.role == "user" for one in turns[-1])):
            turns.append([message])
        else:
            turns[-1].append(message)
    return opening, turns
