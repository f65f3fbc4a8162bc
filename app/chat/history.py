"""What of a conversation the model is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.chat.attachments import Attachment, as_prompt
from app.chat.records import Conversation, Message
from app.runtime import ChatMessage


class History:
    """`messages`: all up to the last prompt, whose id is `prompt`, so that it can be answered again.

    Two prompts in a row (the first failed) become one message, since many templates insist that roles alternate; of
    several answers to one prompt the last one counts. What the model thought goes along: its template knows whether to
    keep it. `attachments`: of the messages that have any, by their ids.
    """

    def __init__(
        self,
        conversation: Conversation,
        kept: Sequence[Message],
        attachments: Mapping[int, Sequence[Attachment]],
    ) -> None:
        given: list[ChatMessage] = []
        stands_for: list[int] = []  # so many of `kept`
        last_prompt = max(index for index, message in enumerate(kept) if message.role == "user")
        for message in kept[: last_prompt + 1]:
            text = as_prompt(message.text, attachments.get(message.id, ()))
            if not given or given[-1].role != message.role:
                given.append(ChatMessage(message.role, text, message.reasoning, message.tool_calls))
                stands_for.append(1)
                continue
            if message.role == "user":
                given[-1] = ChatMessage(message.role, f"{given[-1].content}\n\n{text}")
            else:
                given[-1] = ChatMessage(message.role, message.text, message.reasoning, message.tool_calls)
            stands_for[-1] += 1
        opening = [ChatMessage("system", conversation.system_prompt)] if conversation.system_prompt else []
        self.messages = [*opening, *given]
        self.prompt = kept[last_prompt].id
        self._stands_for = stands_for

    def kept_of(self, dropped: int) -> int:
        """How many messages of the conversation those are that the model is not given: `dropped` of `messages`, the
        first after the system prompt."""
        return sum(self._stands_for[:dropped])
