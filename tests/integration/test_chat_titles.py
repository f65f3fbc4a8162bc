"""Titles that a model gives, through the real runtime."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import pytest

from app.chat import ChatEngine, ConversationStore
from app.core.errors import Cancelled
from app.core.jobs import CancelToken, Job
from tests.helpers.conversations import answer, new_conversation
from tests.helpers.scripted_gguf import THINKING_TEMPLATE, write_scripted_model
from tests.helpers.tiny_gguf import CHATML


@pytest.fixture(scope="module")
def titler(models: Path) -> Path:
    """Answers everything, the question for a title among it, with the same words."""
    return write_scripted_model(models / "titler.gguf", '"Say it.', chat_template=CHATML)


def title_of(store: ConversationStore, conversation: int) -> str:
    return store.conversation(conversation).title


def test_model_is_asked_for_a_title_after_its_answer(
    titler: Path, store: ConversationStore, engine: ChatEngine
) -> None:
    conversation = new_conversation(store, titler, "Hello, who are you?")
    assert engine.give_title(conversation, CancelToken()) is None  # nothing is loaded
    answer(engine, conversation)
    assert store.wants_title(conversation, 1)
    assert not store.wants_title(conversation, 0)
    assert engine.give_title(conversation, CancelToken()) == "Say it"
    assert title_of(store, conversation) == "Say it"
    assert not store.wants_title(conversation, 1)
    assert [message.role for message in store.messages(conversation)] == ["user", "assistant"]


def test_title_of_a_person_stays(titler: Path, store: ConversationStore, engine: ChatEngine) -> None:
    conversation = new_conversation(store, titler, "Hello")
    answer(engine, conversation)
    store.rename(conversation, "Mine")
    assert not store.wants_title(conversation, 1)
    assert engine.give_title(conversation, CancelToken()) is None
    assert title_of(store, conversation) == "Mine"
    store.rename(conversation, "")
    assert title_of(store, conversation) == "Hello"


def test_next_turn_evaluates_no_more_than_without_a_title(
    tiny: Path, store: ConversationStore, engine: ChatEngine
) -> None:
    evaluated = []
    for is_titled in (False, True):
        conversation = new_conversation(store, tiny, "Tell me of the sea. " * 20)
        answer(engine, conversation)
        if is_titled:
            engine.give_title(conversation, CancelToken())
        store.add_prompt(conversation, "And of the land.")
        message = answer(engine, conversation)
        assert message is not None
        assert message.statistics is not None
        evaluated.append(message.statistics.evaluated_tokens)
        assert message.statistics.prompt_tokens > 3 * message.statistics.evaluated_tokens
    assert evaluated[1] <= evaluated[0]


def test_title_gives_way_at_once(heavy: Path, store: ConversationStore, engine: ChatEngine) -> None:
    conversation = new_conversation(store, heavy, "hello")
    answer(engine, conversation)
    title = Job("title", lambda control: engine.give_title(conversation, control.cancel), lambda event: None)
    title.start()
    time.sleep(0.02)
    store.add_prompt(conversation, "again")
    assert answer(engine, conversation) is not None
    with contextlib.suppress(Cancelled):
        assert title.result(10) is None  # where the answer came before it had begun
    assert title_of(store, conversation) == "hello"


def test_memory_can_be_had_while_a_title_is_asked_for(
    heavy: Path, store: ConversationStore, engine: ChatEngine
) -> None:
    conversation = new_conversation(store, heavy, "hello")
    answer(engine, conversation)
    title = Job("title", lambda control: engine.give_title(conversation, control.cancel), lambda event: None)
    title.start()
    time.sleep(0.02)
    held = engine.held(())
    assert held is not None
    assert not held.is_busy
    assert engine.unload()
    assert engine.worker_pid is None
    assert title.wait(10)


def test_model_that_thinks_about_it_is_not_waited_for(
    models: Path, store: ConversationStore, engine: ChatEngine
) -> None:
    always = THINKING_TEMPLATE.replace("enable_thinking is defined and not enable_thinking", "false")
    path = write_scripted_model(models / "always-thinks.gguf", "Tw.</think>4!", chat_template=always)
    conversation = new_conversation(store, path, "Two and two?")
    answer(engine, conversation)
    assert engine.give_title(conversation, CancelToken()) is None
    assert title_of(store, conversation) == "Two and two?"
