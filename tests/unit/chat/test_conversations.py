"""What people do with whole conversations: name, pin, put away, copy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.chat import ConversationStore, MessageState
from app.runtime import GenerationStatistics, Sampling, TemplateOptions

MODEL = Path("/models/bard.gguf")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ConversationStore]:
    with ConversationStore(tmp_path / "nibble.db") as store:
        yield store


def talk(store: ConversationStore, *prompts: str) -> int:
    identity = store.create(MODEL, Sampling()).id
    for prompt in prompts:
        store.add_prompt(identity, prompt)
        writer = store.begin_answer(identity, "Bard", "Q4_K_M")
        writer.append(f"To {prompt}")
        writer.finish(MessageState.COMPLETE)
    return identity


def listed(store: ConversationStore, archived: bool | None = False, pinned: bool | None = None) -> list[int]:
    return [each.id for each in store.conversations(archived=archived, pinned=pinned)]


def test_own_title_stays_and_none_brings_back_the_automatic_one(store: ConversationStore) -> None:
    identity = talk(store, "What is\nentropy?")
    assert not store.conversation(identity).title_is_own
    store.rename(identity, "  Heat\n death ")
    store.add_prompt(identity, "And then?")
    renamed = store.conversation(identity)
    assert (renamed.title, renamed.title_is_own) == ("Heat death", True)
    store.rename(identity, " \n")
    back = store.conversation(identity)
    assert (back.title, back.title_is_own) == ("What is entropy?", False)


def test_title_given_before_the_first_prompt_stays(store: ConversationStore) -> None:
    identity = store.create(MODEL, Sampling()).id
    store.rename(identity, "Mine")
    store.add_prompt(identity, "Hello")
    assert store.conversation(identity).title == "Mine"


def test_list_tells_pinned_and_archived_apart(store: ConversationStore) -> None:
    plain, pinned, archived, both = (talk(store, str(number)) for number in range(4))
    store.pin(pinned)
    store.pin(both)
    store.archive(archived)
    store.archive(both)
    assert listed(store) == [pinned, plain]
    assert listed(store, pinned=True) == [pinned]
    assert listed(store, pinned=False) == [plain]
    assert listed(store, archived=True) == [both, archived]
    assert listed(store, archived=None) == [both, archived, pinned, plain]
    store.archive(both, False)
    store.pin(both, False)
    assert listed(store) == [both, pinned, plain]
    assert store.conversation(both).archived_at is None


def test_copy_has_all_branches_and_settings_and_goes_its_own_way(store: ConversationStore) -> None:
    sampling = Sampling(temperature=0.2)
    options = TemplateOptions(thinking=True)
    identity = store.create(MODEL, sampling, "Be brief.", options, "drop_oldest").id
    store.add_prompt(identity, "One?")
    for text in ("First.", "Firstly."):
        writer = store.begin_answer(identity, "Bard", "Q4_K_M")
        writer.append("Hm.", "reasoning")
        writer.append(text)
        writer.finish(MessageState.COMPLETE, FIGURES)
    store.show(store.messages(identity)[-1].siblings[0])
    store.add_prompt(identity, "Two?")
    store.pin(identity)

    copy = store.duplicate(identity)
    assert copy.id != identity
    original = store.conversation(identity)
    for name in ("title", "model_path", "system_prompt", "sampling", "options", "when_full", "title_is_own"):
        assert getattr(copy, name) == getattr(original, name)
    assert not copy.is_pinned
    assert listed(store)[0] == copy.id

    def content(conversation: int) -> list[tuple[object, ...]]:
        return [
            (each.role, each.text, each.reasoning, each.statistics, each.created_at, len(each.siblings))
            for each in store.messages(conversation)
        ]

    assert content(copy.id) == content(identity)
    store.show(store.messages(copy.id)[1].siblings[1])
    assert [each.text for each in store.messages(copy.id)] == ["One?", "Firstly."]
    assert [each.text for each in store.messages(identity)] == ["One?", "First.", "Two?"]
    store.delete(identity)
    assert [each.text for each in store.messages(copy.id)] == ["One?", "Firstly."]


def test_copy_of_a_conversation_that_is_being_answered_has_what_has_arrived(store: ConversationStore) -> None:
    identity = talk(store)
    store.add_prompt(identity, "One?")
    writer = store.begin_answer(identity, "Bard", None)
    writer.append("Hm.", "reasoning")
    writer.append("Fir")
    writer.append("st.")
    copy = store.duplicate(identity, "Copied")
    last = store.messages(copy.id)[-1]
    assert (copy.title, copy.title_is_own) == ("Copied", True)
    assert (last.text, last.reasoning, last.state) == ("First.", "Hm.", MessageState.CUT_OFF)
    finished = writer.finish(MessageState.COMPLETE)
    assert finished is not None
    assert finished.text == "First."


def test_copy_of_what_is_not_there_is_refused(store: ConversationStore) -> None:
    with pytest.raises(KeyError):
        store.duplicate(77)


def test_number_of_a_deleted_conversation_is_never_given_again(store: ConversationStore) -> None:
    last = talk(store, "Hello")
    store.delete(last)
    assert talk(store, "Hello again") > last


FIGURES = GenerationStatistics(
    prompt_tokens=12,
    evaluated_tokens=4,
    tokens=7,
    prompt_s=0.25,
    prompt_tokens_per_s=16.0,
    time_to_first_token_s=0.3,
    tokens_per_s=38.5,
    memory_bytes=123_456_789,
    seed=3,
    finish_reason="stop",
)
