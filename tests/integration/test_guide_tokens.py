"""The guide reads in the runtime what it was trained on: SentencePiece's tokens in the trainer's order."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

import resources
from app.runtime import ChatMessage, LoadedModel, LoadSettings
from resources.guide.dialogue import Message, rendered
from resources.guide.topics import read_refusals, read_topics
from tests.helpers.answers import ask, greedy

TEXTS = (
    "Hello!",
    "",
    " ",
    " one space before",
    "one behind ",
    "  two  everywhere  ",
    "\n",
    "line\nbreaks\r\n\n",
    "tab\there",
    "nul \0 inside",
    "23 + 45 = 68.",
    "007",
    "1234567890",
    "-3.14159e-10, 1,024 and 8 %",
    "Is Q4_K_M better than IQ4_XS?",
    "https://example.org/a-b_c?d=%20#e",
    "def f(x):\n    return x ** 2\n",
    "ALL CAPITALS, aLtErNaTiNg",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "Größe, naïve, Ωμέγα, Привет",
    "e\u0301 is not é; a\u0308\u0323",
    "漢字 かな 한글",
    "🦙 👩‍👩‍👧‍👦 🇩🇪 👍🏽",
    "مرحبا שלום",
    "\u200b\u202e\ufeff\u00a0",
    "▁ stands for a space",
    "\ufffd \U0010ffff \x7f",
)
ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyz     etaoin",
    "0123456789 +-=.,%",
    "ABCQK_0248 .-/:<>|?!\"'\n\t",
    "äöüß漢字かな한글🦙👍🏽\u0301\u200d\u00a0 ",
)


class Spell(Protocol):
    def __call__(self, *messages: Message) -> list[int]: ...


@pytest.fixture(scope="module")
def spell() -> Spell:
    """The trainer's tokens of a conversation."""
    sentencepiece = pytest.importorskip("sentencepiece", reason="no wheel for this computer")
    from resources.guide.training.speller import Speller

    file = resources.guide_checkpoint() / "tokenizer.model"
    speller = Speller(sentencepiece.SentencePieceProcessor(model_file=str(file)))
    return lambda *messages: speller.tokens(list(messages))[0]


@pytest.fixture(scope="module")
def loaded(guide: Callable[[str], Path]) -> Iterator[LoadedModel]:
    with LoadedModel.load(guide("BF16"), LoadSettings(context_length=1024, threads=1)) as model:
        yield model


def conversation(*contents: str) -> list[Message]:
    return [Message("assistant" if turn % 2 else "user", content) for turn, content in enumerate(contents)]


def tokens_of(model: LoadedModel, messages: list[Message]) -> list[int]:
    return list(model.score(rendered(messages), parse_special=True).tokens)


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_text_becomes_the_tokens_it_was_trained_as(loaded: LoadedModel, spell: Spell, text: str) -> None:
    messages = [Message("system", text), *conversation(text, text, f"x{text}x")]
    assert tokens_of(loaded, messages) == spell(*messages)


@pytest.mark.parametrize("alphabet", range(len(ALPHABETS)))
def test_random_text_becomes_the_tokens_it_would_be_trained_as(
    loaded: LoadedModel, spell: Spell, alphabet: int
) -> None:
    rng = random.Random(alphabet)
    for _ in range(5):
        messages = conversation(
            *("".join(rng.choices(ALPHABETS[alphabet], k=rng.randrange(1, 40))) for _ in range(8))
        )
        assert tokens_of(loaded, messages) == spell(*messages)


def test_the_corpus_becomes_the_tokens_it_is_trained_as(loaded: LoadedModel, spell: Spell) -> None:
    topics, refusals = read_topics(), read_refusals()
    turns = [(topic.phrasings[0], topic.answer) for topic in random.Random(3).sample(topics, 40)]
    turns += [(question, refusals.answers[0]) for question in refusals.questions[:8]]
    for start in range(0, len(turns), 6):
        messages = conversation(*(text for turn in turns[start : start + 6] for text in turn))
        assert tokens_of(loaded, messages) == spell(*messages)


@pytest.mark.parametrize(
    "messages",
    [
        conversation("What is Q4_K_M?"),
        conversation(""),
        conversation("  spaces at both ends \n"),
        conversation("12 + 34", "12 + 34 = 46.", "and 🦙?", "", "\tGo on. "),
        [Message("system", " Be brief."), *conversation("Hello!", " Hello! How can I help?\n", "漢字")],
    ],
    ids=["question", "empty", "spaces", "turns", "system"],
)
def test_template_renders_a_conversation_as_it_was_trained(
    loaded: LoadedModel, spell: Spell, messages: list[Message]
) -> None:
    """The template takes spaces from both ends of each message and opens the answer with one token."""
    asked = [ChatMessage(message.role, message.content) for message in messages]
    stripped = [Message(message.role, message.content.strip()) for message in messages]
    assert ask(loaded, asked, greedy(1)).statistics.prompt_tokens == len(spell(*stripped)) + 1
