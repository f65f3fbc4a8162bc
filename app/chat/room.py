"""How many tokens of the context a next message may take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.chat.attachments import estimate_tokens
from app.chat.context_use import SHARE_LEFT_OUT
from app.chat.records import Message
from app.runtime.protocol import WhenFull

SHARE_FOR_ANSWER = 1 / 8
"""Of the context, kept free: a prompt that fills it leaves no room to answer in."""


@dataclass(frozen=True)
class Room:
    """`used`: by the conversation so far, its system prompt included, in tokens; `system`: of these, the system prompt,
    which is never left out."""

    context_length: int
    used: int
    system: int = 0
    when_full: WhenFull = "stop"

    @property
    def left(self) -> int:
        """For the next message, with room for its answer."""
        if self.when_full == "drop_oldest":
            return max(int(self.context_length * (1 - SHARE_LEFT_OUT)) - self.system, 0)
        return max(int(self.context_length * (1 - SHARE_FOR_ANSWER)) - self.used, 0)

    @property
    def left_without_oldest(self) -> int:
        return Room(self.context_length, self.used, self.system, "drop_oldest").left


def tokens_used(messages: Sequence[Message], system_prompt: str) -> int:
    """As the last answer's statistics tell; estimated for what came after it, or where there is none."""
    used, after = estimate_tokens(system_prompt), list(messages)
    for place, message in reversed(list(enumerate(messages))):
        if message.role == "assistant" and (figures := message.statistics) is not None:
            used, after = figures.prompt_tokens + figures.tokens, list(messages[place + 1 :])
            break
    return used + sum(_estimate(message) for message in after)


def _estimate(message: Message) -> int:
    # A file of which nothing was counted: what it takes if it is plain text.
    files = sum(
        head.tokens if head.tokens is not None else head.size_bytes // 4 for head in message.attachments
    )
    return estimate_tokens(message.text) + files
