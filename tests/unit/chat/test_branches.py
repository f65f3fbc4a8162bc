"""Messages as a tree: what was written once is never lost, and one branch of it is shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.chat import ConversationStore, Message, MessageState, WrittenWith
from app.runtime import GenerationStatistics, Sampling, TemplateOptions

MODEL = Path("/models/bard.gguf")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "nibble.db"


@pytest.fixture
def store(path: Path) -> Iterator[ConversationStore]:
    with ConversationStore(path) as store:
        yield store


@pytest.fixture
def talk(store: ConversationStore) -> int:
    """Two turns."""
    identity = store.create(MODEL, Sampling()).id
    for prompt, text in (("One?", "First."), ("Two?", "Second.")):
        store.add_prompt(identity, prompt)
        answer(store, identity, text)
    return identity


def answer(
    store: ConversationStore, conversation: int, text: str, to: int | None = None, state: str = "complete"
) -> Message | None:
    writer = store.begin_answer(conversation, "Bard", "Q4_K_M", to=to)
    if text:
        writer.append(text)
    return writer.finish(MessageState(state))


def shown(store: ConversationStore, conversation: int) -> list[str]:
    return [message.text for message in store.messages(conversation)]


def sibling(message: Message, step: int) -> int:
    return message.siblings[message.siblings.index(message.id) + step]


def test_edited_prompt_begins_a_branch_and_the_one_before_comes_back_whole(
    store: ConversationStore, talk: int
) -> None:
    first, *_ = before = store.messages(talk)
    edited = store.edit(first.id, "Eins?")
    assert shown(store, talk) == ["Eins?"]
    answer(store, talk, "Erstens.")
    assert shown(store, talk) == ["Eins?", "Erstens."]
    assert edited.siblings == (first.id, edited.id)
    store.show(sibling(edited, -1))
    after = store.messages(talk)
    assert [(each.id, each.text) for each in after] == [(each.id, each.text) for each in before]
    assert after[0].siblings == edited.siblings


def test_another_answer_is_a_sibling_and_is_shown(store: ConversationStore, talk: int) -> None:
    old = store.messages(talk)[-1]
    new = answer(store, talk, "Secondly.")
    assert new is not None
    assert shown(store, talk) == ["One?", "First.", "Two?", "Secondly."]
    assert store.messages(talk)[-1] == new
    assert new.siblings == (old.id, new.id)
    assert new.parent == old.parent


def test_another_answer_in_the_middle_leaves_what_followed_on_the_first(
    store: ConversationStore, talk: int
) -> None:
    middle = store.messages(talk)[1]
    answer(store, talk, "Firstly.", to=middle.id)
    assert shown(store, talk) == ["One?", "Firstly."]
    store.show(middle.id)
    assert shown(store, talk) == ["One?", "First.", "Two?", "Second."]


def test_switching_goes_to_where_the_person_was_below(store: ConversationStore, talk: int) -> None:
    """Two prompts to begin with, the first with two answers below, of which the older one was chosen last."""
    messages = store.messages(talk)
    answer(store, talk, "Secondly.")
    store.show(messages[3].id)
    edited = store.edit(messages[0].id, "Eins?")
    answer(store, talk, "Erstens.")
    store.show(messages[0].id)
    assert shown(store, talk) == ["One?", "First.", "Two?", "Second."]
    store.show(edited.id)
    assert shown(store, talk) == ["Eins?", "Erstens."]


def test_message_of_a_hidden_branch_can_be_shown_at_once(store: ConversationStore, talk: int) -> None:
    deep = store.messages(talk)[3]
    store.edit(store.messages(talk)[2].id, "Zwei?")
    store.edit(store.messages(talk)[0].id, "Eins?")
    assert [each.text for each in store.branch_to(deep.id)] == ["One?", "First.", "Two?", "Second."]
    assert shown(store, talk) == ["Eins?"]
    store.show(deep.id)
    assert shown(store, talk) == ["One?", "First.", "Two?", "Second."]


def test_edited_answer_tells_that_a_person_wrote_it(store: ConversationStore, talk: int) -> None:
    with_settings = WrittenWith(model_path=str(MODEL), sampling=Sampling(seed=3))
    writer = store.begin_answer(talk, "Bard", "Q4_K_M", with_settings)
    writer.append("Hm.", "reasoning")
    writer.append("Secondly.")
    old = writer.finish(MessageState.COMPLETE, FIGURES)
    assert old is not None
    edited = store.edit(old.id, "Second of all.")
    assert (edited.text, edited.is_edited, edited.statistics) == ("Second of all.", True, None)
    assert (edited.model_name, edited.quantization) == ("Bard", "Q4_K_M")
    assert (edited.reasoning, edited.written_with) == ("Hm.", with_settings)
    assert store.message(old.id) == old.__class__(**{**vars(old), "siblings": edited.siblings})
    assert not store.edit(store.messages(talk)[0].id, "Eins?").is_edited


def test_prompt_follows_on_the_branch_that_is_shown(store: ConversationStore, talk: int) -> None:
    old = store.messages(talk)[-1]
    answer(store, talk, "Secondly.")
    store.show(old.id)
    store.add_prompt(talk, "Three?")
    assert shown(store, talk) == ["One?", "First.", "Two?", "Second.", "Three?"]


@pytest.mark.parametrize("state", ["stopped", "cut_off"])
def test_answer_without_a_word_leaves_no_branch(store: ConversationStore, talk: int, state: str) -> None:
    first, second = store.messages(talk)[-1], answer(store, talk, "Secondly.")
    assert second is not None
    store.show(first.id)
    assert answer(store, talk, "", state=state) is None
    last = store.messages(talk)[-1]
    assert (last.id, last.siblings) == (first.id, (first.id, second.id))


def test_prompt_written_under_an_answer_that_comes_to_nothing_is_kept(
    store: ConversationStore, talk: int
) -> None:
    store.add_prompt(talk, "Three?")
    writer = store.begin_answer(talk, "Bard", None)
    store.add_prompt(talk, "Well?")
    assert writer.finish(MessageState.STOPPED) is None
    assert shown(store, talk)[-2:] == ["Three?", "Well?"]


def test_branch_that_is_shown_is_the_same_after_a_restart(
    store: ConversationStore, path: Path, talk: int
) -> None:
    answer(store, talk, "Secondly.")
    store.show(store.messages(talk)[-1].siblings[0])
    with ConversationStore(path) as again:
        assert again.messages(talk) == store.messages(talk)


def test_conversation_goes_with_all_its_branches(store: ConversationStore, path: Path, talk: int) -> None:
    edited = store.edit(store.messages(talk)[0].id, "Eins?")
    store.delete(talk)
    with pytest.raises(KeyError):
        store.message(edited.id)
    assert store.messages(talk) == []


def test_what_is_not_there_is_told(store: ConversationStore) -> None:
    for ask in (store.message, store.branch_to, store.show, lambda number: store.edit(number, "x")):
        with pytest.raises(KeyError):
            ask(77)


def test_what_an_answer_was_written_with_is_kept(store: ConversationStore, talk: int) -> None:
    given = WrittenWith(
        model_path=str(MODEL),
        sampling=Sampling(temperature=0.3, seed=2**32 - 1, stop=("\n",)),
        system_prompt="Be brief.",
        options=TemplateOptions(thinking=False, reasoning_effort="low"),
    )
    writer = store.begin_answer(talk, "Bard", "Q4_K_M", given)
    writer.append("x")
    writer.finish(MessageState.COMPLETE)
    assert store.messages(talk)[-1].written_with == given


# Going on

FIGURES = GenerationStatistics(
    prompt_tokens=12,
    evaluated_tokens=4,
    tokens=6,
    prompt_s=0.25,
    prompt_tokens_per_s=16.0,
    time_to_first_token_s=0.3,
    tokens_per_s=30.0,
    memory_bytes=1000,
    seed=7,
    finish_reason="length",
)
MORE = GenerationStatistics(
    prompt_tokens=18,
    evaluated_tokens=1,
    tokens=4,
    prompt_s=0.05,
    prompt_tokens_per_s=20.0,
    time_to_first_token_s=0.1,
    tokens_per_s=10.0,
    memory_bytes=1200,
    seed=7,
    finish_reason="stop",
    continued_tokens=6,
)


def test_answer_that_goes_on_stays_one_message_and_is_seen_growing(
    store: ConversationStore, path: Path, talk: int
) -> None:
    cut = answer(store, talk, "Once upon", state="cut_off")
    assert cut is not None
    assert cut.can_continue
    writer = store.continue_answer(cut.id)
    writer.append(" a")
    with ConversationStore(path) as elsewhere:
        seen = elsewhere.messages(talk)[-1]
        assert (seen.id, seen.text, seen.state) == (cut.id, "Once upon a", MessageState.STREAMING)
        with pytest.raises(KeyError):
            elsewhere.continue_answer(cut.id)
    writer.append(" time.")
    whole = writer.finish(MessageState.COMPLETE, MORE)
    assert whole is not None
    assert (whole.text, whole.siblings) == ("Once upon a time.", cut.siblings)
    assert not whole.can_continue


def test_figures_of_an_answer_in_two_goes_are_those_of_the_whole(store: ConversationStore, talk: int) -> None:
    writer = store.begin_answer(talk, "Bard", None)
    writer.append("Once upon")
    first = writer.finish(MessageState.COMPLETE, FIGURES)
    assert first is not None
    assert first.can_continue  # it ran into the limit of tokens
    writer = store.continue_answer(first.id)
    writer.append(" a time.")
    whole = writer.finish(MessageState.COMPLETE, MORE)
    assert whole is not None
    figures = whole.statistics
    assert figures is not None
    assert (figures.tokens, figures.prompt_tokens, figures.evaluated_tokens) == (10, 12, 5)
    assert figures.time_to_first_token_s == 0.3
    assert figures.tokens_per_s == pytest.approx(10 / (6 / 30 + 4 / 10))
    assert figures.finish_reason == "stop"


def test_tokens_of_an_answer_that_was_cut_off_count_once_it_has_gone_on(
    store: ConversationStore, talk: int
) -> None:
    cut = answer(store, talk, "Once upon", state="cut_off")
    assert cut is not None
    writer = store.continue_answer(cut.id)
    writer.append(" a time.")
    whole = writer.finish(MessageState.COMPLETE, MORE)
    assert whole is not None
    assert whole.statistics is not None
    assert (whole.statistics.tokens, whole.statistics.prompt_tokens) == (10, 12)


def test_answer_that_does_not_go_on_by_a_word_is_as_it_was(store: ConversationStore, talk: int) -> None:
    writer = store.begin_answer(talk, "Bard", None)
    writer.append("Once upon")
    first = writer.finish(MessageState.COMPLETE, FIGURES)
    assert first is not None
    assert store.continue_answer(first.id).finish(MessageState.CUT_OFF) == first


def test_reasoning_goes_on_within_the_same_message(store: ConversationStore, talk: int) -> None:
    writer = store.begin_answer(talk, "Bard", None)
    writer.append("Two and ", "reasoning")
    cut = writer.finish(MessageState.STOPPED)
    assert cut is not None
    writer = store.continue_answer(cut.id)
    writer.append("two.", "reasoning")
    writer.append("4")
    whole = writer.finish(MessageState.COMPLETE)
    assert whole is not None
    assert (whole.reasoning, whole.text) == ("Two and two.", "4")
    assert whole.reasoning_s is not None
    assert cut.reasoning_s is not None
    assert whole.reasoning_s >= cut.reasoning_s


def test_prompt_cannot_go_on(store: ConversationStore, talk: int) -> None:
    with pytest.raises(KeyError):
        store.continue_answer(store.messages(talk)[0].id)
