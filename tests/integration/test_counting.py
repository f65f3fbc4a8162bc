"""How many tokens a text is, by the loaded model's own tokenizer."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from app.core.errors import PromptTooLong
from app.core.jobs import CancelToken
from app.runtime import ChatMessage, Generation, LoadedModel, LoadSettings, Sampling
from app.runtime.protocol import Piece

ONE = Sampling(temperature=0, max_tokens=1)


def prompt_tokens(model: LoadedModel, content: str) -> int:
    *_, generation = model.generate([ChatMessage("user", content)], ONE)
    assert isinstance(generation, Generation)
    return generation.statistics.prompt_tokens


@pytest.mark.parametrize(
    "text", ["Good morrow, sir.", "def f(x):\n    return 2 * x\n", "Übergröße 日本語", "<|im_end|>"]
)
def test_count_is_what_a_prompt_grows_by(model: LoadedModel, text: str):
    question, whole = "What is this? ", f"What is this? {text}"
    more = model.count_tokens(whole) - model.count_tokens(question)
    assert more == prompt_tokens(model, whole) - prompt_tokens(model, question)


def test_nothing_is_no_token(model: LoadedModel):
    assert model.count_tokens("") == 0


def test_text_longer_than_the_context_is_counted(model: LoadedModel):
    line = "All that glisters is not gold. "
    one = model.count_tokens(line * 1000)
    assert model.count_tokens(line * 10_000) == pytest.approx(10 * one, abs=15)


def test_count_does_not_wait_for_an_answer(tiny: Path):
    with LoadedModel.load(tiny, LoadSettings(context_length=4096)) as model:
        cancel = CancelToken()
        answering = model.generate(
            [ChatMessage("user", "Tell me everything")], Sampling(temperature=0), cancel
        )
        next(piece for piece in answering if isinstance(piece, Piece))
        counts: list[int] = []
        asking = threading.Thread(target=lambda: counts.append(model.count_tokens("one two")))
        asking.start()
        asking.join(30)
        assert counts
        assert not isinstance(next(answering), Generation)  # it goes on
        cancel.cancel()
        *_, end = answering
        assert isinstance(end, Generation)
        assert end.statistics.finish_reason == "cancelled"


def test_text_that_fits_into_no_context_is_refused(model: LoadedModel):
    with pytest.raises(PromptTooLong):
        model.count_tokens("x" * 6_000_000)
