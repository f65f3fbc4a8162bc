"""An answer goes on from tokens that are given: as if the model had chosen them itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from app.compare import Comparison, PaneAnswer
from app.core.errors import PromptTooLong, WrongChoice
from app.core.jobs import CancelToken, JobControl
from app.hardware import Cpu, Machine, Memory
from app.memory import Keeper
from app.runtime import ChatMessage, LoadedModel, LoadSettings, Sampling
from app.runtime.model import Generation

GREEDY = Sampling(temperature=0.0, max_tokens=40)
PROMPT = "What is quantization?"
DIVIDING = (
    "Once upon a time there was",
    "sdkfj wer oiu 12 zz",
    "Ünïcode ¿qué? 34",
    "Why Q3 and not Q5? And 77 * 3?",
)
"""Of what the guide was not made for, its quantizations think differently."""


@pytest.fixture
def keeper(tmp_path: Path) -> Keeper:
    machine = Machine(Cpu("any", 4, 4), Memory(16_000_000_000, 15_000_000_000))
    return Keeper(tmp_path / "nibble.db", lambda: machine, sleep=lambda seconds: None)


def control() -> JobControl:
    return JobControl(CancelToken(), lambda event: None)


def answer_tokens(answer: PaneAnswer) -> tuple[int, ...]:
    assert answer.passage is not None
    return answer.passage.tokens[answer.passage.start :]


def go_on(comparison: Comparison, index: int, begins: tuple[int, ...], prompt: str = PROMPT) -> PaneAnswer:
    comparison.set_conversation(index, [])
    (answer,) = comparison.ask(prompt, control(), [index], begins=begins)
    return answer


def test_an_answer_that_goes_on_unchanged_is_the_answer(guide: Callable[[str], Path], keeper: Keeper) -> None:
    with Comparison([guide("Q8_0"), guide("Q2_K")], GREEDY, keeper) as comparison:
        first, _ = comparison.ask(PROMPT, control())
        tokens = answer_tokens(first)
        for count in (1, len(tokens) // 2):
            again = go_on(comparison, 0, tokens[:count])
            assert again.text.startswith(first.text)
            assert answer_tokens(again)[: len(tokens)] == tokens
            assert again.statistics is not None
            assert again.statistics.tokens <= 40
            assert again.statistics.continued_tokens == count


def test_from_where_they_part_each_model_goes_its_own_way(
    guide: Callable[[str], Path], keeper: Keeper
) -> None:
    with Comparison([guide("Q8_0"), guide("Q2_K")], GREEDY, keeper) as comparison:
        for prompt in DIVIDING:
            for index in range(2):
                comparison.set_conversation(index, [])
            first, second = comparison.ask(prompt, control())
            mine, other = answer_tokens(first), answer_tokens(second)
            parted = next(
                (at for at, pair in enumerate(zip(mine, other, strict=False)) if pair[0] != pair[1]), None
            )
            if parted is not None:
                break
        assert parted is not None
        # Up to there both wrote the same: the other goes on as it did by itself.
        continued = go_on(comparison, 1, mine[:parted], prompt)
        assert answer_tokens(continued)[: len(other)] == other
        # And with the other's token the first one goes on after that.
        turned = go_on(comparison, 0, (*mine[:parted], other[parted]), prompt)
        assert answer_tokens(turned)[: parted + 1] == other[: parted + 1]
        assert turned.text != first.text


def test_a_cut_inside_a_character_is_written_whole(guide: Callable[[str], Path]) -> None:
    """The guide spells what it has no token for in bytes."""
    with LoadedModel.load(guide("Q8_0"), LoadSettings(context_length=512, threads=1)) as model:
        bytes_of = _byte_tokens(model)
        begins = tuple(bytes_of[each] for each in "é".encode())
        ask = [ChatMessage("user", PROMPT)]
        *_, answer = model.generate(ask, GREEDY, begins=begins)
        assert isinstance(answer, Generation)
        assert answer.text.startswith("é")


def test_what_cannot_begin_an_answer_is_refused(guide: Callable[[str], Path]) -> None:
    with LoadedModel.load(guide("Q8_0"), LoadSettings(context_length=256, threads=1)) as model:
        ask = [ChatMessage("user", PROMPT)]
        with pytest.raises(PromptTooLong):
            list(model.generate(ask, GREEDY, begins=[5] * 300))
        with pytest.raises(WrongChoice, match="ends"):
            list(model.generate(ask, GREEDY, begins=[10**9]))
        *_, answer = model.generate(ask, GREEDY, tells_tokens=True)
        assert isinstance(answer, Generation)
        if answer.statistics.finish_reason == "stop":
            with pytest.raises(WrongChoice, match="ends"):
                list(model.generate(ask, GREEDY, begins=answer.conversation[-1:]))


def _byte_tokens(model: LoadedModel) -> dict[int, int]:
    import gguf

    tokens = gguf.GGUFReader(model.path).fields["tokenizer.ggml.tokens"].contents()
    return {int(text[3:5], 16): number for number, text in enumerate(tokens) if text.startswith("<0x")}
