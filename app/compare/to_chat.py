"""The way back: what a pane has said becomes a conversation of Chat's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.chat import ConversationStore, MessageState, WrittenWith
from app.runtime import ChatMessage, GenerationStatistics, Sampling, TemplateOptions
from app.runtime.model import NO_OPTIONS
from app.runtime.protocol import WhenFull


@dataclass(frozen=True)
class Writer:
    """Which model wrote an answer, as Chat names it."""

    name: str
    quantization: str | None = None


@dataclass(frozen=True)
class Taken:
    """`messages`: the system prompt first where there is one; the first `earlier` of them were there before the
    comparison, whose answers `earlier_writer` gave. `statistics`: of the last answer."""

    model_path: Path
    writer: Writer
    messages: Sequence[ChatMessage]
    sampling: Sampling
    earlier: int = 0
    earlier_writer: Writer | None = None
    statistics: GenerationStatistics | None = None
    options: TemplateOptions = NO_OPTIONS
    when_full: WhenFull = "stop"


def keep_taken(store: ConversationStore, taken: Taken) -> int:
    """Writes it as a new conversation, and returns its number."""
    messages = list(taken.messages)
    has_system = bool(messages) and messages[0].role == "system"
    system = messages[0].content if has_system else ""
    conversation = store.create(taken.model_path, taken.sampling, system, taken.options, taken.when_full)
    with_what = WrittenWith(
        model_path=str(taken.model_path),
        sampling=taken.sampling,
        system_prompt=system,
        options=taken.options,
    )
    for number, message in enumerate(messages):
        if message.role == "user":
            store.add_prompt(conversation.id, message.content)
        elif message.role == "assistant":
            is_own = number >= taken.earlier
            writer = taken.writer if is_own else taken.earlier_writer or taken.writer
            answer = store.begin_answer(
                conversation.id, writer.name, writer.quantization, with_what if is_own else None
            )
            if message.reasoning:
                answer.append(message.reasoning, "reasoning")
            answer.append(message.content)
            statistics = taken.statistics if number == len(messages) - 1 else None
            was_stopped = statistics is not None and statistics.finish_reason == "cancelled"
            state = MessageState.STOPPED if was_stopped else MessageState.COMPLETE
            answer.finish(state, statistics, message.tool_calls)
    return conversation.id
