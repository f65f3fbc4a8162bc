"""A comparison tells where its models part ways, also where only one of them fits into memory."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import pytest

from app.compare import Comparison, MemoryPlanned, PaneLoading, PaneReading, Passage, divergence_figures
from app.core.errors import OtherVocabulary
from app.core.jobs import CancelToken, JobControl
from app.hardware import Cpu, Machine, Memory
from app.memory import Keeper, Way
from app.runtime import LoadedModel, LoadSettings, Sampling

GREEDY = Sampling(temperature=0.0, max_tokens=40)
PROMPT = "What is quantization?"


class Computer:
    available = 15_000_000_000

    def read(self) -> Machine:
        return Machine(Cpu("any", 4, 4), Memory(16_000_000_000, self.available))


@pytest.fixture
def computer() -> Computer:
    return Computer()


@pytest.fixture
def keeper(tmp_path: Path, computer: Computer) -> Keeper:
    return Keeper(tmp_path / "nibble.db", computer.read, sleep=lambda seconds: None)


def test_of_an_answer(guide: Callable[[str], Path], keeper: Keeper) -> None:
    events: list[object] = []
    control = JobControl(CancelToken(), lambda event: events.append(getattr(event, "value", event)))
    with Comparison([guide("Q8_0"), guide("Q2_K")], GREEDY, keeper) as comparison:
        first, second = comparison.ask(PROMPT, control)
        assert first.passage is not None
        events.clear()
        (found,) = comparison.diverge([first.passage], 0, 1, control)
        assert [each.token for each in found] == list(first.passage.tokens[first.passage.start :])
        parted = divergence_figures(found).first_flip
        # Up to there both wrote the same, for each of them takes the likeliest.
        assert (parted is None) == (first.text == second.text)
        if parted is not None:
            common = b"".join(each.text for each in found[:parted]).decode("utf-8", "ignore")
            assert second.text.startswith(common)
        assert {event.index for event in events if isinstance(event, PaneReading)} == {0, 1}
        assert not any(isinstance(event, PaneLoading) for event in events)
        (itself,) = comparison.diverge([first.passage], 0, 0, control)
        assert {each.kl_divergence for each in itself} == {0.0}


def test_in_turns_it_is_the_same(guide: Callable[[str], Path], keeper: Keeper, computer: Computer) -> None:
    events: list[object] = []
    control = JobControl(CancelToken(), lambda event: events.append(getattr(event, "value", event)))
    with Comparison([guide("Q8_0"), guide("Q2_K")], GREEDY, keeper) as comparison:
        answer, _ = comparison.ask(PROMPT, control)
        assert answer.passage is not None
        at_once = comparison.diverge([answer.passage], 0, 1, control)
        comparison.unload()
        needed = next(event.plan for event in events if isinstance(event, MemoryPlanned)).needed_bytes
        computer.available = int(needed * 0.8)
        events.clear()
        in_turns = comparison.diverge([answer.passage], 0, 1, control)
        (plan,) = [event.plan for event in events if isinstance(event, MemoryPlanned)]
        assert plan.way is Way.IN_TURNS
        assert comparison.worker_pids[0] is None
    assert in_turns == at_once


def test_nothing_is_left_on_the_disk(guide: Callable[[str], Path], keeper: Keeper) -> None:
    control = JobControl(CancelToken(), lambda event: None)
    with Comparison([guide("Q8_0"), guide("Q2_K")], GREEDY, keeper) as comparison:
        comparison.diverge([Passage(tuple(range(1, 100)), 50)], 0, 1, control)
    assert [path.name for path in keeper.database.parent.iterdir() if path.name.startswith(".")] == []


def test_models_with_other_tokens(guide: Callable[[str], Path], tiny: Path, keeper: Keeper) -> None:
    control = JobControl(CancelToken(), lambda event: None)
    with Comparison([guide("Q8_0"), tiny], GREEDY, keeper) as comparison:
        with pytest.raises(OtherVocabulary):
            comparison.diverge([Passage((1, 5, 6, 7), 1)], 0, 1, control)
        # Each writes the text in its own tokens; characters are the same for both.
        text = "Quantization makes a model smaller by storing its weights with fewer bits."
        guides, others = comparison.perplexities_per_character(text, [0, 1], control)
        with LoadedModel.load(guide("Q8_0"), LoadSettings(context_length=512, threads=1)) as model:
            alone = model.score(text)
        assert guides == pytest.approx(math.exp(-sum(alone.log_probabilities) / len(text)), rel=1e-3)
        assert 1 < guides < others  # the other's weights are random
        assert len(comparison.ask(PROMPT, control)) == 2


def test_several_prompts_are_conversations_of_their_own_and_load_each_model_once_in_turns(
    guide: Callable[[str], Path], keeper: Keeper, computer: Computer
) -> None:
    prompts = [PROMPT, "What is a KV cache?", PROMPT]
    events: list[object] = []
    control = JobControl(CancelToken(), lambda event: events.append(getattr(event, "value", event)))
    paths = [guide("Q8_0"), guide("Q2_K")]
    with Comparison(paths, GREEDY, keeper) as comparison:
        at_once = comparison.ask_each(prompts, control)
        alone = comparison.ask(PROMPT, control)
    texts = [[answer.text for answer in given] for given in at_once]
    assert texts[0] == texts[2] == [answer.text for answer in alone]
    assert texts[1] != texts[0]
    needed = next(event.plan for event in events if isinstance(event, MemoryPlanned)).needed_bytes
    computer.available = int(needed * 0.8)
    events.clear()
    with Comparison(paths, GREEDY, keeper) as comparison:
        in_turns = comparison.ask_each(prompts, control)
        passages = [given[0].passage for given in in_turns]
        loads = [event.index for event in events if isinstance(event, PaneLoading) and not event.fraction]
        assert [index for index, _ in groupby(loads)] == [0, 1]
        found = comparison.diverge([each for each in passages if each is not None], 0, 1, control)
    assert [[answer.text for answer in given] for given in in_turns] == texts
    assert found[0] == found[2]
    assert len(found) == 3
