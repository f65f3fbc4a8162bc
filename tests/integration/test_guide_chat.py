"""Chat with a real model behind its own template: turns, what is evaluated of them, and answers cut short."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from app.chat import AnswerDelta, ChatEngine, ConversationStore, Message, MessageState
from app.core.errors import WorkerDied
from app.core.jobs import Emitted, Job
from app.runtime import GenerationStatistics, Sampling
from tests.helpers.command_line import KILLED
from tests.helpers.conversations import GREEDY, answer, last_message, new_conversation
from tests.helpers.reference import tokenize

AT_ONCE_S = 2.0
TO_THE_END = Sampling(temperature=0, max_tokens=200)
BABBLE = Sampling(temperature=20, top_k=0, top_p=1, min_p=0, seed=1)
"""Nearly any token is as likely as any other: the answer ends only when the context is full."""


def statistics_of(message: Message | None) -> GenerationStatistics:
    assert message is not None
    assert message.statistics is not None
    return message.statistics


def written(*turns: tuple[str, str]) -> str:
    """The prompt as the guide was trained on it."""
    return "".join(f"<|{role}|>{content.strip()}<|end|>" for role, content in turns) + "<|assistant|>"


def test_second_turn_evaluates_only_what_is_new(
    engine: ChatEngine, store: ConversationStore, guide: Callable[[str], Path]
) -> None:
    conversation = new_conversation(store, guide("Q8_0"), "What is Q4_K_M?", sampling=TO_THE_END)
    answered = answer(engine, conversation)
    first = statistics_of(answered)
    store.add_prompt(conversation, "And Q8_0?")
    second = statistics_of(answer(engine, conversation))

    ((_, *new),) = tokenize(guide("Q8_0"), "<|end|>" + written(("user", "And Q8_0?")))
    assert (first.finish_reason, first.evaluated_tokens) == ("stop", first.prompt_tokens)
    assert second.prompt_tokens == first.prompt_tokens + first.tokens + len(new)
    assert second.evaluated_tokens == len(new)


def test_prompts_in_a_row_and_the_system_prompt_reach_the_model_as_turns(
    engine: ChatEngine, store: ConversationStore, guide: Callable[[str], Path]
) -> None:
    conversation = new_conversation(store, guide("Q8_0"), "Hello!", " Are you there?\n", system="Be brief.")
    prompt = written(("system", "Be brief."), ("user", "Hello!\n\n Are you there?"))
    evaluated = statistics_of(answer(engine, conversation)).prompt_tokens
    assert evaluated == len(tokenize(guide("Q8_0"), prompt)[0])


def test_stopped_answer_keeps_its_words_and_they_are_part_of_the_next_prompt(
    engine: ChatEngine, store: ConversationStore, database: Path, guide: Callable[[str], Path]
) -> None:
    conversation = new_conversation(store, guide("Q8_0"), "Tell me a story.", sampling=BABBLE)
    shown: list[str] = []
    stopped_at = 0.0

    def listen(event: object) -> None:
        nonlocal stopped_at
        if isinstance(event, Emitted) and isinstance(event.value, AnswerDelta):
            shown.append(event.value.text)
            if event.value.tokens >= 5 and not stopped_at:
                stopped_at = time.monotonic()
                job.cancel()

    job = Job("answer", lambda control: engine.answer(conversation, control), listen)
    stopped = job.start().result(60)

    assert time.monotonic() - stopped_at < AT_ONCE_S
    assert stopped == last_message(database, conversation)
    assert (stopped.text, stopped.state) == ("".join(shown), MessageState.STOPPED)
    store.add_prompt(conversation, "Go on.")
    store.change_sampling(conversation, GREEDY)
    following = answer(engine, conversation)
    assert following is not None
    assert following.state is MessageState.COMPLETE
    prompt = written(("user", "Tell me a story."), ("assistant", stopped.text), ("user", "Go on."))
    assert statistics_of(following).prompt_tokens == len(tokenize(guide("Q8_0"), prompt)[0])


def test_worker_killed_during_an_answer_leaves_its_words_and_a_second_try_begins_with_them(
    engine: ChatEngine, store: ConversationStore, database: Path, guide: Callable[[str], Path]
) -> None:
    conversation = new_conversation(store, guide("Q8_0"), "Tell me a story.", sampling=BABBLE)
    shown: list[str] = []

    def on_delta(delta: AnswerDelta) -> None:
        shown.append(delta.text)
        if delta.tokens >= 5 and engine.worker_pid is not None:
            psutil.Process(engine.worker_pid).kill()

    with pytest.raises(WorkerDied, match=KILLED):
        answer(engine, conversation, on_delta)
    message = last_message(database, conversation)
    assert (message.text, message.state) == ("".join(shown), MessageState.CUT_OFF)
    assert message.text
    assert engine.loaded_path is None

    again = answer(engine, conversation)
    assert again is not None
    assert again.state is MessageState.COMPLETE
    assert again.text.startswith(message.text)
    (shown_now,) = store.messages(conversation)[1:]
    assert [store.message(each).state for each in shown_now.siblings] == [
        MessageState.CUT_OFF,
        MessageState.COMPLETE,
    ]
