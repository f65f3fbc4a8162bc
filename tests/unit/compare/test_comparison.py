"""Comparisons with real workers on models with random weights."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.compare import (
    Comparison,
    PaneAnswer,
    PaneDelta,
    PaneFinished,
    PaneLoading,
    first_difference,
    plan_comparison,
    plan_threads,
)
from app.compare import comparison as comparison_module
from app.compare import plan as plan_module
from app.core.errors import Cancelled, FileGone, TooLittleMemory, WorkerDied, WrongChoice
from app.core.jobs import Emitted, Job, JobControl
from app.gguf import read_facts
from app.hardware import Memory
from app.runtime import ChatMessage, Sampling
from tests.helpers.tiny_gguf import write_tiny_model

SHORT = Sampling(temperature=0.8, seed=42, max_tokens=8)
LONG = Sampling(temperature=0.8, seed=42, max_tokens=400)
ENDLESS = Sampling(temperature=0.8, seed=42)
PATIENCE_S = 30.0


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("models")
    return (
        write_tiny_model(folder / "first.gguf", type="f32", seed=1, never_ends=True, context=4096),
        write_tiny_model(folder / "second.gguf", type="f16", seed=2, never_ends=True, context=4096),
    )


@pytest.fixture
def compare(models: tuple[Path, Path]) -> Iterator[Callable[..., Comparison]]:
    made: list[Comparison] = []

    def make(*paths: Path, sampling: Sampling = SHORT) -> Comparison:
        made.append(Comparison(paths or models, sampling))
        return made[-1]

    yield make
    for each in made:
        each.close()


class Asking:
    """One `ask` in a job, with what it emitted so far."""

    def __init__(self, work: Callable[[JobControl], tuple[PaneAnswer, ...]]) -> None:
        self.values: list[object] = []
        self._changed = threading.Condition()
        self.job = Job("ask", work, self._listen).start()

    def answers(self) -> tuple[PaneAnswer, ...]:
        return self.job.result(PATIENCE_S)

    def wait_for(self, wanted: Callable[[object], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: any(map(wanted, self.values)), PATIENCE_S)

    def of(self, kind: type) -> list[object]:
        return [value for value in self.values if isinstance(value, kind)]

    def _listen(self, event: object) -> None:
        if isinstance(event, Emitted):
            with self._changed:
                self.values.append(event.value)
                self._changed.notify_all()


def ask(
    comparison: Comparison,
    prompt: str = "Hello",
    panes: list[int] | None = None,
    sampling: Sampling | None = None,
) -> Asking:
    return Asking(lambda control: comparison.ask(prompt, control, panes, sampling))


# Planning


@pytest.mark.parametrize("panes", [2, 3, 4])
@pytest.mark.parametrize("cores", [1, 2, 3, 4, 6, 8, 16, 24])
def test_plan_threads_never_adds_up_to_more_than_the_cores(panes: int, cores: int):
    at_once, threads = plan_threads(panes, cores)
    assert at_once >= 1
    assert threads >= 1
    assert at_once * threads <= cores
    assert at_once <= panes


def test_plan_comparison_on_two_cores_lets_four_panes_take_turns(models, monkeypatch):
    monkeypatch.setattr(plan_module, "count_cores", lambda: 2)
    monkeypatch.setattr(plan_module, "read_memory", lambda: Memory(16_000_000_000, 200_000_000))
    facts = read_facts(models[0])
    pair, four = plan_comparison([facts] * 2), plan_comparison([facts] * 4)
    assert (pair.panes_at_once, pair.threads_per_pane, pair.in_turns) == (2, 1, False)
    assert (four.panes_at_once, four.threads_per_pane, four.in_turns) == (2, 1, True)
    assert four.needed_bytes == 2 * pair.needed_bytes
    assert pair.fits
    assert not four.fits


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("", "", None),
        ("the same", "the same", None),
        ("the same", "the sane", 6),
        ("short", "shorter", 5),
        ("longer", "long", 4),
        ("", "x", 0),
        ("a🦙b", "a🦙c", 2),
    ],
)
def test_first_difference(first: str, second: str, expected: int | None):
    assert first_difference(first, second) == expected


@pytest.mark.parametrize("count", [0, 1, 5])
def test_comparison_of_too_few_or_too_many_is_refused(count: int):
    with pytest.raises(WrongChoice):
        Comparison([Path("model.gguf")] * count, SHORT)


# Asking


def test_ask_gives_one_answer_with_figures_for_each_pane(compare, models):
    asking = ask(compare())
    first, second = asking.answers()
    for answer, path in ((first, models[0]), (second, models[1])):
        assert answer.path == path
        assert answer.fault is None
        assert answer.text
        assert answer.statistics is not None
        assert answer.statistics.tokens == 8
        assert answer.statistics.memory_bytes > 1_000_000
        assert answer.statistics.seed == 42
    assert {value.index for value in asking.of(PaneLoading)} == {0, 1}
    assert sorted(value.index for value in asking.of(PaneFinished)) == [0, 1]
    for index, answer in enumerate((first, second)):
        assert "".join(value.text for value in asking.of(PaneDelta) if value.index == index) == answer.text


def test_same_file_twice_at_one_seed_gives_the_same_answer(compare, models):
    comparison = compare(models[0], models[0])
    for prompt in ("Hello", "And then?"):
        first, second = ask(comparison, prompt).answers()
        assert first.text
        assert first_difference(first.text, second.text) is None


def test_second_prompt_continues_the_conversation_with_the_same_workers(compare):
    comparison = compare()
    ask(comparison).answers()
    pids = comparison.worker_pids
    asking = ask(comparison, "And then?")
    for answer in asking.answers():
        assert answer.statistics.prompt_tokens > answer.statistics.evaluated_tokens > 0
    assert comparison.worker_pids == pids
    assert asking.of(PaneLoading) == []


def test_conversation_can_be_set_and_sampling_changed_without_loading_again(compare):
    comparison = compare()
    before = ask(comparison).answers()
    pids = comparison.worker_pids
    for index in (0, 1):
        comparison.set_conversation(index, [])
    again = ask(comparison).answers()
    assert [answer.text for answer in again] == [answer.text for answer in before]

    for index in (0, 1):
        comparison.set_conversation(index, [])
    reseeded = ask(comparison, sampling=Sampling(temperature=1.5, seed=7, max_tokens=8)).answers()
    assert [answer.text for answer in reseeded] != [answer.text for answer in before]
    assert [answer.statistics.prompt_tokens for answer in reseeded] == [
        answer.statistics.prompt_tokens for answer in before
    ]
    assert comparison.worker_pids == pids


def test_one_pane_can_be_asked_alone(compare):
    asking = ask(compare(), panes=[1])
    (answer,) = asking.answers()
    assert answer.text
    assert [value.index for value in asking.of(PaneFinished)] == [1]


def test_close_ends_the_workers(compare):
    comparison = compare()
    ask(comparison).answers()
    pids = comparison.worker_pids
    comparison.close()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


# What goes wrong


def test_too_little_memory_is_told_before_anything_is_loaded(compare, monkeypatch):
    monkeypatch.setattr(comparison_module, "read_memory", lambda: Memory(16_000_000_000, 100_000_000))
    comparison = compare()
    asking = ask(comparison)
    with pytest.raises(TooLittleMemory, match="2 models"):
        asking.answers()
    assert asking.values == []
    assert comparison.worker_pids == (None, None)


def test_too_little_memory_leaves_no_prompt_behind(compare, monkeypatch):
    comparison = compare()
    with monkeypatch.context() as patch:
        patch.setattr(comparison_module, "read_memory", lambda: Memory(16_000_000_000, 0))
        with pytest.raises(TooLittleMemory):
            ask(comparison, "This prompt was refused").answers()
    refused = ask(comparison).answers()
    fresh = ask(compare()).answers()
    assert [answer.text for answer in refused] == [answer.text for answer in fresh]


def test_pane_whose_file_is_gone_fails_alone_and_can_be_tried_again(compare, models, tmp_path):
    passing = tmp_path / "passing.gguf"
    comparison = compare(passing, models[1])
    gone, answered = ask(comparison).answers()
    assert isinstance(gone.fault, FileGone)
    assert answered.fault is None
    assert answered.text

    os.link(models[0], passing)
    comparison.set_conversation(0, [])
    (answer,) = ask(comparison, panes=[0]).answers()
    assert answer.fault is None
    assert answer.text == ask(compare()).answers()[0].text


def test_worker_killed_midway_leaves_the_other_pane_alone(compare):
    comparison = compare(sampling=LONG)
    asking = ask(comparison)
    asking.wait_for(lambda value: isinstance(value, PaneDelta) and value.index == 0)
    os.kill(comparison.worker_pids[0], signal.SIGKILL)
    killed, other = asking.answers()
    assert isinstance(killed.fault, WorkerDied)
    assert killed.text
    assert other.fault is None
    assert other.statistics.tokens == 400

    first, second = ask(comparison, "And then?", sampling=SHORT).answers()
    assert first.fault is None
    assert second.fault is None


def test_unanswered_prompt_is_given_with_the_next(compare, models, tmp_path):
    passing = tmp_path / "passing.gguf"
    comparison = compare(passing, models[1])
    ask(comparison, "Hello").answers()
    os.link(models[0], passing)
    ask(comparison, "World").answers()
    messages = comparison._panes[0].messages
    assert messages[0] == ChatMessage("user", "Hello\n\nWorld")
    assert [message.role for message in messages] == ["user", "assistant"]


def test_cancel_midway_keeps_what_had_arrived(compare):
    asking = ask(compare(sampling=ENDLESS))
    for index in (0, 1):
        asking.wait_for(lambda value, index=index: isinstance(value, PaneDelta) and value.index == index)
    asking.job.cancel()
    for answer in asking.answers():
        assert answer.text
        assert answer.fault is None
        assert answer.statistics.finish_reason == "cancelled"


def test_cancel_before_the_first_word_is_cancelled(compare):
    asking = ask(compare())
    asking.job.cancel()
    with pytest.raises(Cancelled):
        asking.answers()


def test_bug_in_one_pane_is_raised_and_ends_the_others(compare, monkeypatch):
    comparison = compare(sampling=LONG)

    def loaded(index, *arguments):
        if index == 1:
            raise ZeroDivisionError("a bug")
        return Comparison._loaded(comparison, index, *arguments)

    monkeypatch.setattr(comparison, "_loaded", loaded)
    asking = ask(comparison)
    with pytest.raises(ZeroDivisionError):
        asking.answers()
    assert comparison.worker_pids == (None, None) or not asking.of(PaneDelta)
