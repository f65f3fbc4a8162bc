"""Comparisons with real workers on models with random weights."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.compare import (
    Comparison,
    MemoryPlanned,
    PaneAnswer,
    PaneDelta,
    PaneFinished,
    PaneLoading,
    PaneReading,
    first_difference,
    plan_comparison,
    plan_threads,
)
from app.compare import comparison as comparison_module
from app.compare import plan as plan_module
from app.compare.answers import Timing
from app.core.errors import (
    Cancelled,
    FileGone,
    PromptTooLong,
    TemplateFault,
    TooLittleMemory,
    WorkerDied,
    WrongChoice,
)
from app.core.jobs import CancelToken, Emitted, Job, JobControl
from app.gguf import read_facts
from app.hardware import Cpu, Machine, Memory
from app.memory import Held, Keeper, Way, estimate, past_loads
from app.runtime import ChatMessage, LoadSettings, Sampling
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


class Computer:
    """One on which `available` bytes are free, whatever is loaded."""

    def __init__(self) -> None:
        self.available = 15_000_000_000

    def read(self) -> Machine:
        return Machine(Cpu("any", 4, 4), Memory(16_000_000_000, self.available))


@pytest.fixture
def computer() -> Computer:
    return Computer()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "nibble.db"


@pytest.fixture
def keeper(database: Path, computer: Computer) -> Keeper:
    return Keeper(database, computer.read, sleep=lambda seconds: None)


@pytest.fixture
def compare(models: tuple[Path, Path], keeper: Keeper) -> Iterator[Callable[..., Comparison]]:
    made: list[Comparison] = []

    def make(*paths: Path, sampling: Sampling = SHORT) -> Comparison:
        made.append(Comparison(paths or models, sampling, keeper))
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


@pytest.mark.parametrize("panes", [2, 3, 4, 5])
@pytest.mark.parametrize("cores", [1, 2, 3, 4, 6, 8, 16, 24])
def test_plan_threads_never_adds_up_to_more_than_the_cores(panes: int, cores: int):
    at_once, threads = plan_threads(panes, cores)
    assert at_once >= 1
    assert threads >= 1
    assert at_once * threads <= cores
    assert at_once <= panes


def test_one_after_another_each_pane_has_all_cores(models, keeper, monkeypatch):
    monkeypatch.setattr(plan_module, "count_cores", lambda: 4)
    facts = read_facts(models[0])
    at_once = plan_comparison([facts] * 2, keeper)
    alone = plan_comparison([facts] * 2, keeper, one_after_another=True)
    assert (at_once.panes_at_once, at_once.threads_per_pane) == (2, 2)
    assert (alone.panes_at_once, alone.threads_per_pane) == (1, 4)
    assert alone.memory.way == at_once.memory.way  # both stay loaded where both fit
    # Beside another a pane has half of what can be read of memory; all answers together take as long either way.
    first, second = at_once.speed(0), alone.speed(0)
    assert first is not None
    assert second is not None
    assert first.high == pytest.approx(second.high / 2)
    assert at_once.answers_s(100) == pytest.approx(alone.answers_s(100))


def test_answer_tells_how_many_were_at_work_beside_it(models, keeper, monkeypatch):
    monkeypatch.setattr(plan_module, "count_cores", lambda: 2)
    began = [threading.Event(), threading.Event()]

    def listen(event: object) -> None:
        if isinstance(event, Emitted) and isinstance(event.value, PaneDelta):
            began[event.value.index].set()
            began[1 - event.value.index].wait(PATIENCE_S)  # neither ends before the other has begun

    with Comparison(models, LONG, keeper) as made:
        together = made.ask("Hello", JobControl(CancelToken(), listen))
        alone = made.ask("Hello", JobControl(CancelToken(), lambda event: None), panes=[1])
    assert [answer.timing for answer in together] == [Timing(beside=1, threads=1)] * 2
    assert [answer.timing for answer in alone] == [Timing(beside=0, threads=1)]


def test_panes_that_are_asked_one_after_another_are_never_at_work_together(models, keeper):
    working: list[int] = []
    most = 0
    events: list[object] = []

    def note(event: object) -> None:
        nonlocal most
        value = getattr(event, "value", event)
        events.append(value)
        if isinstance(value, PaneReading | PaneDelta) and value.index not in working:
            working.append(value.index)
            most = max(most, len(working))
        elif isinstance(value, PaneFinished):
            working.remove(value.index)

    with Comparison(
        models[:2], Sampling(temperature=0.0, max_tokens=30), keeper, one_after_another=True
    ) as made:
        answers = made.ask("Hello", JobControl(CancelToken(), note))
        assert all(made.worker_pids)
    assert all(answer.text for answer in answers)
    assert most == 1


def test_plan_comparison_on_two_cores_lets_four_panes_take_turns(models, keeper, computer, monkeypatch):
    monkeypatch.setattr(plan_module, "count_cores", lambda: 2)
    facts = read_facts(models[0])
    pair, four = plan_comparison([facts] * 2, keeper), plan_comparison([facts] * 4, keeper)
    assert (pair.panes_at_once, pair.threads_per_pane, pair.in_turns) == (2, 1, False)
    assert (four.panes_at_once, four.threads_per_pane, four.in_turns) == (2, 1, True)
    assert four.memory.needed_bytes == 2 * pair.memory.needed_bytes
    computer.available = pair.memory.needed_bytes
    pair, four = plan_comparison([facts] * 2, keeper), plan_comparison([facts] * 4, keeper)
    assert pair.memory.way is Way.AT_ONCE
    assert (four.memory.way, four.panes_at_once) == (Way.IN_TURNS, 1)
    assert four.threads_per_pane == 2  # alone in memory, alone on the cores


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


@pytest.mark.parametrize("count", [0, 1, 6])
def test_comparison_of_too_few_or_too_many_is_refused(count: int, keeper: Keeper):
    with pytest.raises(WrongChoice):
        Comparison([Path("model.gguf")] * count, SHORT, keeper)


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


def test_too_little_memory_for_even_one_is_told_before_anything_is_loaded(compare, computer):
    computer.available = 50_000_000
    comparison = compare()
    asking = ask(comparison)
    with pytest.raises(TooLittleMemory, match="alone needs"):
        asking.answers()
    assert [type(value) for value in asking.values] == [MemoryPlanned]
    assert comparison.worker_pids == (None, None)


def test_too_little_memory_leaves_no_prompt_behind(compare, computer):
    comparison = compare()
    computer.available = 0
    with pytest.raises(TooLittleMemory):
        ask(comparison, "This prompt was refused").answers()
    computer.available = 15_000_000_000
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


def test_one_pane_is_stopped_and_the_others_go_on(compare):
    comparison = compare(sampling=LONG)
    asking = ask(comparison)
    asking.wait_for(lambda value: isinstance(value, PaneDelta) and value.index == 0)
    comparison.stop(0)
    stopped, other = asking.answers()
    assert stopped.statistics.finish_reason == "cancelled"
    assert 0 < stopped.statistics.tokens < LONG.max_tokens
    assert other.statistics.finish_reason == "length"
    assert other.statistics.tokens == LONG.max_tokens
    again, _ = ask(comparison, "And then?", sampling=SHORT).answers()
    assert again.text


def test_pane_is_stopped_while_it_waits_for_another(models, keeper):
    with Comparison(models, ENDLESS, keeper, one_after_another=True) as comparison:
        asking = ask(comparison)
        asking.wait_for(lambda value: isinstance(value, PaneDelta))
        (writing,) = {value.index for value in asking.of(PaneDelta)}
        comparison.stop(1 - writing)
        asking.wait_for(lambda value: isinstance(value, PaneFinished))
        (waiting,) = asking.of(PaneFinished)
        assert waiting.index == 1 - writing
        assert waiting.answer.text == ""
        assert waiting.answer.fault is None
        comparison.stop(writing)
        assert asking.answers()[writing].text


def test_prompt_that_is_too_long_for_one_pane_is_answered_by_the_others(compare, models, tmp_path):
    small = write_tiny_model(tmp_path / "small.gguf", type="f16", never_ends=True, context=256)
    short, long = ask(compare(small, models[1]), "word " * 100).answers()
    assert isinstance(short.fault, PromptTooLong)
    assert "the context holds 256 tokens" in short.fault.message
    assert short.fault.hint
    assert long.fault is None
    assert long.text


def test_broken_template_fails_in_its_pane_alone_and_none_is_no_fault(compare, models, tmp_path):
    broken = write_tiny_model(tmp_path / "broken.gguf", never_ends=True, chat_template="{% if %}")
    none = write_tiny_model(tmp_path / "none.gguf", never_ends=True)
    assert read_facts(none).chat_template is None
    failed, fallen_back = ask(compare(broken, none)).answers()
    assert isinstance(failed.fault, TemplateFault)
    assert failed.fault.hint
    assert fallen_back.fault is None
    assert fallen_back.text


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


# Memory


def room_for_one(models: tuple[Path, Path]) -> int:
    """Enough for the larger of the two, by the formula, and not for both."""
    settings = LoadSettings(context_length=4096)
    return max(estimate(read_facts(path), settings).in_use_bytes for path in models)


def test_models_that_do_not_fit_together_answer_in_turns_what_they_answer_at_once(compare, models, computer):
    first = compare()
    at_once = ask(first).answers()
    first.close()  # what it would give back counts as room
    computer.available = room_for_one(models)
    comparison = compare()
    asking = ask(comparison)
    in_turns = asking.answers()
    (planned,) = asking.of(MemoryPlanned)
    assert planned.plan.way is Way.IN_TURNS
    assert [answer.text for answer in in_turns] == [answer.text for answer in at_once]
    assert [answer.path for answer in in_turns] == list(models)
    assert sum(pid is not None for pid in comparison.worker_pids) == 1


def test_in_turns_no_two_workers_are_there_at_one_time(compare, models, computer):
    computer.available = room_for_one(models)
    comparison = compare(*models, models[0])
    most = 0

    def count(event: object) -> None:
        nonlocal most
        most = max(most, sum(pid is not None for pid in comparison.worker_pids))

    job = Job("ask", lambda control: comparison.ask("Hello", control), count).start()
    assert all(answer.text for answer in job.result(PATIENCE_S))
    assert most == 1


def test_in_turns_the_one_that_is_loaded_answers_first_and_is_not_loaded_again(compare, models, computer):
    computer.available = room_for_one(models)
    comparison = compare()
    ask(comparison).answers()
    assert comparison.worker_pids[0] is None
    asking = ask(comparison, "And then?")
    asking.answers()
    assert {value.index for value in asking.of(PaneLoading)} == {0}
    assert [value.index for value in asking.of(PaneFinished)] == [1, 0]


def test_in_turns_each_has_all_cores_and_is_never_beside_another_afterwards(
    compare, models, computer, monkeypatch
):
    monkeypatch.setattr(comparison_module, "count_cores", lambda: 2)
    comparison = compare(*models, models[0])
    assert (comparison.panes_at_once, comparison.threads_per_pane) == (2, 1)
    computer.available = room_for_one(models)
    asking = ask(comparison)
    assert all(answer.text for answer in asking.answers())
    (planned,) = asking.of(MemoryPlanned)
    assert [load.settings.threads for load in planned.plan.loads] == [2, 2, 2]
    assert (comparison.panes_at_once, comparison.threads_per_pane) == (1, 2)
    computer.available = 15_000_000_000
    ask(comparison, "And then?").answers()
    assert all(comparison.worker_pids)
    assert (comparison.panes_at_once, comparison.threads_per_pane) == (1, 2)


def test_in_turns_a_damaged_file_fails_alone(compare, models, computer, tmp_path):
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(models[0].read_bytes()[:5000])
    computer.available = room_for_one(models)
    first, broken, last = ask(compare(models[0], damaged, models[1])).answers()
    assert first.text
    assert broken.fault is not None
    assert last.text


def test_in_turns_a_stop_keeps_what_had_arrived(compare, models, computer):
    computer.available = room_for_one(models)
    asking = ask(compare(sampling=ENDLESS))
    asking.wait_for(lambda value: isinstance(value, PaneDelta))
    asking.job.cancel()
    first, second = asking.answers()
    assert first.text
    assert second.text == ""
    assert asking.of(PaneLoading)[-1].index == 0


def test_pane_tried_again_takes_the_place_of_another_where_there_is_room_for_one(compare, models, computer):
    comparison = compare()
    ask(comparison).answers()
    comparison._panes[0].model.close()
    computer.available = room_for_one(models) - 1_000_000
    comparison.set_conversation(0, [])
    (answer,) = ask(comparison, panes=[0]).answers()
    assert answer.text
    assert comparison.worker_pids[0] is not None
    assert comparison.worker_pids[1] is None


def test_loads_are_remembered_and_the_next_plan_learns_from_them(compare, models, database, keeper):
    assert past_loads(database).count == 0
    before = plan_comparison([read_facts(path) for path in models], keeper).memory
    comparison = compare(*models, models[0])
    ask(comparison).answers()
    assert past_loads(database).count == 3
    ask(comparison, "And then?").answers()
    assert past_loads(database).count == 3
    comparison.close()
    after = plan_comparison([read_facts(path) for path in models], keeper).memory
    # What three workers really took besides their models, in place of the 60 MB that are assumed at first.
    assert after.needed_bytes != before.needed_bytes
    assert 20_000_000 < after.estimates[0].worker_bytes < 150_000_000


class Other:
    """Somebody else with a model in memory."""

    title = "Chat's model"

    def __init__(self, size: int, *, busy: bool = False, gives_to: Computer | None = None) -> None:
        self.size = size
        self.busy = busy
        self.gives_to = gives_to

    def held(self, accelerators: object) -> Held | None:
        return (
            Held(self.title, ("Llama",), self.size, is_busy=self.busy, unload=self.unload)
            if self.size
            else None
        )

    def unload(self) -> bool:
        if not self.busy:
            if self.gives_to is not None:
                self.gives_to.available += self.size
            self.size = 0
        return not self.busy


def test_idle_model_of_somebody_else_is_unloaded_where_only_then_all_fit(compare, models, computer, keeper):
    other = Other(1_000_000_000, gives_to=computer)
    keeper.join(other)
    ask(compare()).answers()
    assert other.size
    computer.available = 0
    assert all(answer.text for answer in ask(compare()).answers())
    assert other.size == 0


def test_memory_that_does_not_come_back_is_missed_before_anything_is_loaded(compare, computer, keeper):
    keeper.join(Other(1_000_000_000))
    computer.available = 0
    comparison = compare()
    with pytest.raises(TooLittleMemory, match="another program has taken them"):
        ask(comparison).answers()
    assert comparison.worker_pids == (None, None)


def test_answering_model_of_somebody_else_is_not_unloaded(compare, computer, keeper):
    other = Other(1_000_000_000, busy=True)
    keeper.join(other)
    computer.available = 0
    comparison = compare()
    with pytest.raises(TooLittleMemory, match="Chat's model would have to be unloaded"):
        ask(comparison).answers()
    assert other.size
    assert comparison.worker_pids == (None, None)


def test_idle_workers_give_way_and_come_back_with_the_next_prompt(compare, keeper):
    comparison = compare()
    before = ask(comparison).answers()
    (held,) = keeper.held(())
    assert held.memory_bytes > 20_000_000
    assert held.models == ("first", "second")
    assert held.unload()
    assert comparison.worker_pids == (None, None)
    assert keeper.held(()) == ()
    for index in (0, 1):
        comparison.set_conversation(index, [])
    assert [answer.text for answer in ask(comparison).answers()] == [answer.text for answer in before]


def test_workers_that_answer_do_not_give_way(compare, keeper):
    comparison = compare(sampling=ENDLESS)
    asking = ask(comparison)
    asking.wait_for(lambda value: isinstance(value, PaneDelta))
    (held,) = keeper.held(())
    assert held.is_busy
    assert not held.unload()
    assert any(comparison.worker_pids)
    asking.job.cancel()
    asking.answers()
    comparison.close()
    assert keeper.held(()) == ()


def test_the_plan_tells_how_long_loading_took_the_last_times(compare, models, database, keeper):
    facts = [read_facts(path) for path in models]
    assert plan_comparison(facts, keeper).loading_s is None
    comparison = compare()
    ask(comparison, panes=[0]).answers()
    assert plan_comparison(facts, keeper).loading_s is None  # of the other one nothing is known
    ask(comparison, panes=[1]).answers()
    comparison.close()
    with sqlite3.connect(database) as connection:
        loaded = connection.execute("SELECT load_s FROM loads ORDER BY id").fetchall()
        connection.execute("UPDATE loads SET load_s = id * 2")
    assert all(0 < seconds < PATIENCE_S for (seconds,) in loaded)
    plan = plan_comparison(facts, keeper)
    assert plan.loads_s == (2, 4)
    assert plan.loading_s == 6
