"""Conversations in a database, and their answers as a person gets them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from app.chat import AnswerDelta, ChatEngine, ConversationStore, Message
from app.core.jobs import Emitted, Job
from app.runtime import Sampling

GREEDY = Sampling(temperature=0, max_tokens=40)


def new_conversation(
    store: ConversationStore, model: Path, *prompts: str, sampling: Sampling = GREEDY, system: str = ""
) -> int:
    conversation = store.create(model, sampling, system)
    for prompt in prompts:
        store.add_prompt(conversation.id, prompt)
    return conversation.id


def answer(
    engine: ChatEngine, conversation: int, on_delta: Callable[[AnswerDelta], object] = lambda delta: None
) -> Message | None:
    def listen(event: object) -> None:
        if isinstance(event, Emitted) and isinstance(event.value, AnswerDelta):
            on_delta(event.value)

    return Job("answer", lambda control: engine.answer(conversation, control), listen).start().result(60)


def last_message(database: Path, conversation: int) -> Message:
    with ConversationStore(database) as store:
        return store.messages(conversation)[-1]
