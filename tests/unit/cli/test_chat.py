"""The conversation on a terminal, with a stand-in for the model."""

from __future__ import annotations

import builtins
from collections.abc import Iterator

import pytest

from app.cli import chat
from app.core.errors import Cancelled, PromptTooLong, WorkerDied
from app.runtime import ChatMessage, Generation, GenerationStatistics, Sampling, TemplateOptions
from app.runtime.protocol import Piece

STATISTICS = GenerationStatistics(
    prompt_tokens=1,
    evaluated_tokens=1,
    tokens=1,
    prompt_s=0.1,
    prompt_tokens_per_s=1.0,
    time_to_first_token_s=0.1,
    tokens_per_s=1.0,
    memory_bytes=1,
    seed=1,
    finish_reason="stop",
)


class FakeModel:
    """Each answer is its pieces, and what it ends with instead of a Generation."""

    def __init__(self, *answers: tuple[list[str], BaseException | None]) -> None:
        self.answers = list(answers)
        self.asked: list[list[tuple[str, str]]] = []
        self.alive = True

    def generate(
        self,
        messages: list[ChatMessage],
        sampling: Sampling,
        cancel: object,
        options: object,
        *,
        top_probabilities: int,
        when_full: str,
    ) -> Iterator[Piece | Generation]:
        self.asked.append([(message.role, message.content) for message in messages])
        pieces, end = self.answers.pop(0)
        for piece in pieces:
            yield Piece(text=piece, tokens=1)
        if end is not None:
            self.alive = not isinstance(end, WorkerDied)
            raise end
        yield Generation("".join(pieces), STATISTICS)


@pytest.fixture
def converse(monkeypatch: pytest.MonkeyPatch):
    def run(model: FakeModel, *lines: str) -> None:
        rest = iter(lines)

        def typed(prompt: str = "") -> str:
            try:
                return next(rest)
            except StopIteration:
                raise EOFError from None

        monkeypatch.setattr(builtins, "input", typed)
        chat._converse(
            model,  # type: ignore[arg-type]
            [],
            Sampling(),
            lambda statistics: None,
            TemplateOptions(),
            "stop",
        )

    return run


def test_stopped_answer_stays_in_the_conversation_as_far_as_it_was_read(converse) -> None:
    model = FakeModel((["Once ", "upon"], Cancelled()), ([], Cancelled()), (["Ay."], None))
    converse(model, "Tell", "Nothing comes", "Go on")
    told = [("user", "Tell"), ("assistant", "Once upon")]
    assert model.asked == [
        [("user", "Tell")],
        [*told, ("user", "Nothing comes")],
        [*told, ("user", "Go on")],
    ]


def test_prompt_that_is_too_long_is_told_and_dropped(converse, capsys: pytest.CaptureFixture[str]) -> None:
    model = FakeModel(([], PromptTooLong("It is too long.", "Shorten it.")), (["Ay."], None))
    converse(model, "endless", "short")
    assert model.asked[1] == [("user", "short")]
    captured = capsys.readouterr()
    assert "nibble: It is too long.\n        Shorten it.\n" in captured.err
    assert captured.out == "Ay.\n"


def test_worker_that_died_ends_the_conversation(converse, capsys: pytest.CaptureFixture[str]) -> None:
    model = FakeModel((["Half"], WorkerDied("It ended.", "Try again.")))
    with pytest.raises(WorkerDied):
        converse(model, "hello", "never asked")
    assert capsys.readouterr().out == "Half\n"


def test_answer_reaches_the_terminal_without_its_escape_sequences(
    converse, capsys: pytest.CaptureFixture[str]
) -> None:
    model = FakeModel((["a\x1b", "]0;t\x07\n"], None), (["b"], None))
    converse(model, "hello", "again")
    assert capsys.readouterr().out == "a�]0;t�\n\nb\n"
    assert model.asked[1][1] == ("assistant", "a\x1b]0;t\x07\n")  # the model is told what it said
