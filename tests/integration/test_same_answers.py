"""Greedy answers with one seed are the same in Compare, in Chat and of `nibble chat`, turn after turn: whatever number
of threads each gives its model, and whatever else it keeps in its cache."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from app.chat import ChatEngine, ConversationStore
from app.compare import Comparison
from app.compare.from_chat import read_opening
from app.core.jobs import CancelToken, JobControl
from app.memory import Keeper
from app.runtime import ChatMessage, Sampling
from tests.helpers.command_line import nibble
from tests.helpers.conversations import answer, new_conversation

GREEDY = Sampling(temperature=0.0, seed=42, max_tokens=60)
CONVERSATIONS = (
    ("What is quantization?", "Why does it lose quality?"),
    ("How much memory does a model need?", "And with a longer context?"),
    ("hello", "What can I ask you?"),
)
QUANTIZATIONS = ("Q4_0", "Q8_0")


@pytest.fixture
def keeper(database: Path) -> Keeper:
    return Keeper(database)


def quiet() -> JobControl:
    return JobControl(CancelToken(), lambda event: None)


def in_compare(paths: list[Path], prompts: tuple[str, ...], keeper: Keeper) -> list[list[str]]:
    """For each model its answers."""
    with Comparison(paths, GREEDY, keeper) as comparison:
        turns = [[each.text for each in comparison.ask(prompt, quiet())] for prompt in prompts]
    return [list(answers) for answers in zip(*turns, strict=True)]


def in_chat(path: Path, prompts: tuple[str, ...], engine: ChatEngine, store: ConversationStore) -> list[str]:
    conversation = store.create(path, GREEDY)
    texts = []
    for prompt in prompts:
        store.add_prompt(conversation.id, prompt)
        texts.append(answer(engine, conversation.id).text)
    return texts


def on_the_command_line(path: Path, prompts: tuple[str, ...]) -> str:
    options = ("--temperature", 0, "--seed", 42, "--max-tokens", 60)
    return nibble("chat", path, *options, input="\n".join(prompts) + "\n").out


@pytest.mark.parametrize("prompts", CONVERSATIONS)
def test_compare_chat_and_the_command_line_say_the_same(
    prompts: tuple[str, ...],
    home: Path,
    guide: Callable[[str], Path],
    engine: ChatEngine,
    store: ConversationStore,
    keeper: Keeper,
) -> None:
    paths = [guide(kind) for kind in QUANTIZATIONS]
    compared = in_compare(paths, prompts, keeper)
    for path, answers in zip(paths, compared, strict=True):
        assert all(answers)
        assert in_chat(path, prompts, engine, store) == answers
        assert on_the_command_line(path, prompts).split() == "\n".join(answers).split()


def test_a_chat_goes_on_in_compare_as_it_would_have_in_chat(
    guide: Callable[[str], Path], engine: ChatEngine, store: ConversationStore, keeper: Keeper
) -> None:
    """The next prompt and the last one again get in pane A what they get in Chat; the chat stays as it is."""
    path, other = guide("Q4_0"), guide("Q8_0")
    conversation = new_conversation(store, path, "What is quantization?", sampling=GREEDY)
    answer(engine, conversation)
    store.add_prompt(conversation, "Why does it lose quality?")
    second = answer(engine, conversation).text
    before = store.messages(conversation)
    opening = read_opening(store, conversation)
    assert opening is not None
    with Comparison([path, other], opening.sampling, keeper) as comparison:
        for index in range(2):
            comparison.set_conversation(index, opening.messages(with_answer=False))
        again = comparison.ask(opening.prompt, quiet())
        for index in range(2):
            comparison.set_conversation(index, opening.messages(with_answer=True))
        third = comparison.ask("And how much?", quiet())
    assert again[0].text == second
    assert store.messages(conversation) == before
    store.add_prompt(conversation, "And how much?")
    assert answer(engine, conversation).text == third[0].text


def test_the_system_prompt_of_a_chat_takes_the_place_of_the_comparisons(
    guide: Callable[[str], Path], keeper: Keeper
) -> None:
    said = [ChatMessage("system", "Answer in one word.")]
    paths = [guide("Q8_0"), guide("Q8_0")]
    with Comparison(paths, GREEDY, keeper, system_prompt="Answer at length.") as comparison:
        comparison.set_conversation(0, said)
        first, second = comparison.ask("hello", quiet())
    with Comparison(paths, GREEDY, keeper, system_prompt="Answer in one word.") as comparison:
        (wanted, _) = comparison.ask("hello", quiet())
    assert first.statistics is not None
    assert second.statistics is not None
    assert wanted.statistics is not None
    assert first.statistics.prompt_tokens == wanted.statistics.prompt_tokens
    assert first.statistics.prompt_tokens != second.statistics.prompt_tokens
    assert first.text == wanted.text
