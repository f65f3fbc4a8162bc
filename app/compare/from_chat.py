"""What is taken over when a conversation of Chat is compared: all that was said on its branch, and how it is answered.
The conversation itself is only read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from app.chat import ConversationStore
from app.chat.engine import RANDOM_SEED
from app.chat.history import History
from app.chat.records import NO_OPTIONS, WHEN_FULL
from app.runtime import ChatMessage, Sampling, TemplateOptions
from app.runtime.protocol import WhenFull


@dataclass(frozen=True)
class Opening:
    """A conversation as it stands before its next prompt, or, `with_answer` False, before its last one.

    `before`: what was said before the last prompt, the system prompt first where there is one. `prompt`: the last one,
    with the texts of its attachments. `answer`: what was answered to it, None where nothing was.
    """

    title: str
    model_path: Path
    before: tuple[ChatMessage, ...]
    prompt: str
    answer: ChatMessage | None
    sampling: Sampling
    options: TemplateOptions = NO_OPTIONS
    when_full: WhenFull = WHEN_FULL

    def messages(self, *, with_answer: bool) -> tuple[ChatMessage, ...]:
        if not with_answer or self.answer is None:
            return self.before
        return (*self.before, ChatMessage("user", self.prompt), self.answer)


def read_opening(store: ConversationStore, conversation_id: int, to: int | None = None) -> Opening | None:
    """Of the branch that is shown, or of the one that ends with the message `to`; None where nothing was asked.

    Where chance has another seed for every answer, that of the last answer is taken: so the model that gave it gives it
    again. Raises KeyError where the conversation is gone.
    """
    conversation = store.conversation(conversation_id)
    branch = store.messages(conversation_id) if to is None else store.branch_to(to)
    if not any(message.role == "user" for message in branch):
        return None
    given = History(conversation, branch, store.attachments_of(branch)).messages
    last = branch[-1]
    is_answered = last.role == "assistant"
    sampling = conversation.sampling
    if sampling.seed == RANDOM_SEED:
        seed = last.statistics.seed if is_answered and last.statistics is not None else 0
        sampling = msgspec.structs.replace(sampling, seed=seed)
    return Opening(
        conversation.title,
        conversation.model_path,
        tuple(given[:-1]),
        given[-1].content,
        ChatMessage("assistant", last.text, last.reasoning, last.tool_calls) if is_answered else None,
        sampling,
        conversation.options,
        conversation.when_full,
    )
