"""What of a conversation is evaluated again after a turn, an edit, another try or a change of branches: what is new.

With the guide, and with a model of random weights, which spells its answers in tokens that the tokenizer would never
choose for the same text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.core.jobs import CancelToken
from app.runtime import ChatMessage, Generation, LoadedModel, LoadSettings, Sampling
from app.runtime.protocol import Piece
from tests.helpers.answers import ask, greedy
from tests.helpers.reference import tokenize

QUESTIONS = (
    "What is a KV cache?",
    "And quantization?",
    "Why is a model slow?",
    "Thank you. What is a token?",
)


@dataclass(frozen=True)
class Subject:
    """A model, and what its template writes between one answer and the next."""

    path: Path
    between: str

    def new_tokens(self, question: str, instead_of: str = "") -> int:
        """Of a turn, as llama.cpp's tokenizer writes it, without what the same turn with another question has."""
        turns = [self.between.format(each) for each in (question, instead_of)]
        (_, *tokens), (_, *others) = tokenize(self.path, *turns)
        if not instead_of:
            return len(tokens)
        pairs = zip(tokens, others, strict=False)
        return len(tokens) - next(index for index, (one, other) in enumerate(pairs) if one != other)


@pytest.fixture(scope="module", params=["guide", "random"])
def subject(request: pytest.FixtureRequest, tiny: Path) -> Subject:
    if request.param == "random":
        return Subject(tiny, "<|im_end|>\n<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n")
    return Subject(request.getfixturevalue("guide")("Q4_K_M"), "<|end|><|user|>{}<|end|><|assistant|>")


@pytest.fixture
def model(subject: Subject) -> Iterator[LoadedModel]:
    with LoadedModel.load(subject.path, LoadSettings(context_length=1024, threads=1)) as loaded:
        yield loaded


def talk_on(
    model: LoadedModel, messages: list[ChatMessage], question: str, seed: int = 1
) -> tuple[list[ChatMessage], Generation]:
    """The conversation with one more question and its answer, and that answer."""
    sampling = Sampling(temperature=3.0, top_k=0, top_p=1.0, min_p=0.01, seed=seed, max_tokens=80)
    asked = [*messages, ChatMessage("user", question)]
    answer = ask(model, asked, sampling)
    return [*asked, ChatMessage("assistant", answer.text)], answer


def long_talk(model: LoadedModel) -> tuple[list[ChatMessage], list[Generation]]:
    messages: list[ChatMessage] = []
    answers = []
    for question in QUESTIONS:
        messages, answer = talk_on(model, messages, question)
        answers.append(answer)
    return messages, answers


def test_each_turn_evaluates_only_what_is_new(model: LoadedModel, subject: Subject) -> None:
    _, answers = long_talk(model)
    assert answers[-1].statistics.prompt_tokens > 150
    for question, before, answer in zip(QUESTIONS[1:], answers, answers[1:], strict=False):
        # The last token of an answer that reached its limit was shown and never evaluated.
        unevaluated = before.statistics.finish_reason == "length"
        assert answer.statistics.evaluated_tokens == subject.new_tokens(question) + unevaluated
        read_before = before.statistics.prompt_tokens + before.statistics.tokens
        assert answer.statistics.prompt_tokens == read_before + subject.new_tokens(question)


def test_second_turn_of_a_conversation_that_fills_the_context_evaluates_only_what_is_new(
    model: LoadedModel, subject: Subject
) -> None:
    (given,) = tokenize(subject.path, "A cache keeps what was computed. " * 90)
    story = ChatMessage("user", "A cache keeps what was computed. " * (90 * 850 // len(given)))
    first = ask(model, [story], greedy(30))
    went_on = [story, ChatMessage("assistant", first.text), ChatMessage("user", "And then?")]
    second = ask(model, went_on, greedy(5))
    assert second.statistics.prompt_tokens > 850
    unevaluated = first.statistics.finish_reason == "length"
    assert second.statistics.evaluated_tokens == subject.new_tokens("And then?") + unevaluated


def test_another_try_evaluates_one_token(model: LoadedModel) -> None:
    messages, answers = long_talk(model)
    _, again = talk_on(model, messages[:-2], QUESTIONS[-1], seed=2)
    assert again.text != answers[-1].text
    assert again.statistics.evaluated_tokens == 1
    assert again.statistics.prompt_tokens == answers[-1].statistics.prompt_tokens


def test_edited_early_turn_evaluates_from_there_on(model: LoadedModel, subject: Subject) -> None:
    messages, answers = long_talk(model)
    edited = "And perplexity?"
    _, again = talk_on(model, messages[:2], edited)
    assert again.statistics.evaluated_tokens == subject.new_tokens(edited, instead_of=QUESTIONS[1])
    read_before = answers[0].statistics.prompt_tokens + answers[0].statistics.tokens
    assert again.statistics.prompt_tokens == read_before + subject.new_tokens(edited)


def test_turn_on_a_branch_keeps_what_came_before_the_fork(model: LoadedModel, subject: Subject) -> None:
    messages, _ = long_talk(model)
    branch, forked = talk_on(model, messages[:4], "And perplexity?")
    _, on_branch = talk_on(model, branch, "Why?")
    unevaluated = forked.statistics.finish_reason == "length"
    assert on_branch.statistics.evaluated_tokens == subject.new_tokens("Why?") + unevaluated
    # Back on the first branch: what both have in common is still there.
    _, back = talk_on(model, messages[:5], "Why is it slow?")
    common = forked.statistics.prompt_tokens - subject.new_tokens("And perplexity?")
    assert back.statistics.prompt_tokens - back.statistics.evaluated_tokens >= common
    assert back.statistics.evaluated_tokens < back.statistics.prompt_tokens / 2


def test_answer_that_was_stopped_is_continued_from_its_own_tokens(
    model: LoadedModel, subject: Subject
) -> None:
    cancel = CancelToken()
    stopped = None
    for event in model.generate([ChatMessage("user", QUESTIONS[0])], greedy(), cancel):
        if isinstance(event, Piece) and event.tokens > 10:
            cancel.cancel()
        elif isinstance(event, Generation):
            stopped = event
    assert stopped is not None
    if stopped.statistics.finish_reason != "cancelled":
        pytest.skip("the answer was over before it could be stopped")
    messages = [ChatMessage("user", QUESTIONS[0]), ChatMessage("assistant", stopped.text)]
    _, answer = talk_on(model, messages, "And then?")
    assert answer.statistics.evaluated_tokens <= subject.new_tokens("And then?") + 1
