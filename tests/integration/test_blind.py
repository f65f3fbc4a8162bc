"""A blind test of the guide's quantizations: what is asked, kept, and asked again after something went wrong."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import pytest

from app.compare import Comparison, PaneLoading
from app.compare.ballot import Ballot, PromptState
from app.compare.blind import BlindAnswered, BlindPlan, ask_blind, begin_blind_test
from app.compare.blind_results import blind_result
from app.compare.prompt_sets import ComparePrompt, PromptSet
from app.compare.session import SessionModel
from app.compare.session_store import SessionStore
from app.core.errors import FileGone, WorkerDied
from app.core.jobs import CancelToken, JobControl
from app.hardware import Cpu, Machine, Memory
from app.memory import Keeper
from app.runtime import Sampling

GREEDY = Sampling(temperature=0.0, max_tokens=40)
KINDS = ("Q8_0", "Q2_K")
PROMPTS = PromptSet(
    "mine",
    "Mine",
    (
        ComparePrompt("What is quantization?", (("weights",),)),
        ComparePrompt("word " * 20_000),
        ComparePrompt("What is a KV cache?"),
    ),
)


class Computer:
    available = 15_000_000_000

    def read(self) -> Machine:
        return Machine(Cpu("any", 4, 4), Memory(16_000_000_000, self.available))


@pytest.fixture
def paths(guide: Callable[[str], Path], tmp_path: Path) -> list[Path]:
    found = [guide(kind) for kind in KINDS]
    links = [tmp_path / path.name for path in found]
    for link, path in zip(links, found, strict=True):
        os.link(path, link)
    return links


@pytest.fixture
def plan(paths: list[Path]) -> BlindPlan:
    models = tuple(
        SessionModel(name="Guide", quantization=kind, path=str(path))
        for kind, path in zip(KINDS, paths, strict=True)
    )
    return BlindPlan(models, tuple((PROMPTS, prompt) for prompt in PROMPTS.prompts), GREEDY, seed=3)


def kept(database: Path, session: int) -> Ballot:
    with SessionStore(database) as store:
        return Ballot.of(store.session(session), 0)


def test_answers_are_kept_and_what_a_model_cannot_take_in_is_left_out(
    paths: list[Path], plan: BlindPlan, tmp_path: Path
) -> None:
    database, computer, events = tmp_path / "nibble.db", Computer(), []
    control = JobControl(CancelToken(), lambda event: events.append(getattr(event, "value", event)))
    keeper = Keeper(database, computer.read, sleep=lambda seconds: None)
    session = begin_blind_test(database, plan)
    computer.available = 110_000_000  # for one of them
    with Comparison(paths, GREEDY, keeper) as comparison:
        ask_blind(comparison, database, session, (0, 1, 2), plan.ballot(), GREEDY, control)
        loads = [event.index for event in events if isinstance(event, PaneLoading) and not event.fraction]
        ballot = kept(database, session)
        alone = comparison.ask_each([PROMPTS.prompts[0].text], control)[0]
    assert [index for index, _ in groupby(loads)] == [0, 1]
    # The first model answers all prompts before the second one begins.
    numbers = [event.number for event in events if isinstance(event, BlindAnswered)]
    assert numbers == [0, 1, 2, 0, 1, 2]
    assert [ballot.state(number) for number in range(3)] == [
        PromptState.READY,
        PromptState.LEFT_OUT,
        PromptState.READY,
    ]
    given = [answer.text for answer in alone]
    assert [answer.text for answer in ballot.answers(0) if answer] == [given[n] for n in ballot.order(0)]
    (problem,) = {answer.problem for answer in ballot.answers(1) if answer and answer.problem}
    assert "context" in problem
    result = blind_result(KINDS, ballot)
    assert result.right is not None
    assert [share.wins for share in result.right] == ["weights" in text.casefold() for text in given]
    assert result.left_out == 1


def test_after_a_fault_only_what_is_missing_is_asked(
    paths: list[Path], plan: BlindPlan, tmp_path: Path
) -> None:
    away = tmp_path / "away"
    database = tmp_path / "nibble.db"
    keeper = Keeper(database, Computer().read, sleep=lambda seconds: None)
    session = begin_blind_test(database, plan)
    answered: list[int] = []

    def break_one(event: object) -> None:
        value = getattr(event, "value", event)
        if isinstance(value, BlindAnswered):
            answered.append(value.number)
            pid = comparison.worker_pids[0]
            if len(answered) == 1 and pid is not None:
                os.kill(pid, signal.SIGKILL)
                paths[0].rename(away)

    control = JobControl(CancelToken(), break_one)
    with Comparison(paths, GREEDY, keeper) as comparison:
        with pytest.raises((FileGone, WorkerDied)):
            ask_blind(comparison, database, session, (0, 1, 2), plan.ballot(), GREEDY, control)
        before = kept(database, session)
        assert before.state(0) is PromptState.READY
        assert before.state(2) is PromptState.WAITING
        away.rename(paths[0])
        answered.append(-1)
        ask_blind(comparison, database, session, (0, 1, 2), before, GREEDY, control)
    after = kept(database, session)
    assert after.count(PromptState.WAITING) == 0
    assert after.turns[0] == before.turns[0]
    assert 0 not in answered[answered.index(-1) :]
