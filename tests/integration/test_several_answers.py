"""Several conversations at once in one worker: each is answered as if it were alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from app.core.errors import Cancelled, PromptTooLong, WorkerDied
from app.core.jobs import CancelToken
from app.runtime import ChatMessage, Generation, LoadedModel, LoadSettings, Sampling
from app.runtime.protocol import Piece, PromptProgress
from tests.helpers.answers import ask, greedy, talk
from tests.helpers.forgetful_models import write_mamba, write_windowed_model

SEQUENCES = 4
SETTINGS = LoadSettings(context_length=SEQUENCES * 512, sequences=SEQUENCES, threads=1)
LONG_SETTINGS = LoadSettings(context_length=2 * 4096, sequences=2, threads=1)
QUESTIONS = [
    "hello",
    "Who goes there?",
    "What of the sea? " * 10,
    "And the land? " * 20,
    "Why?",
    "hello world",
]
AT_ONCE_S = 2.0
"""The goal is 200 ms; the rest is for a machine that is busy with other things."""


@pytest.fixture(scope="module")
def shared(tiny: Path) -> Iterator[LoadedModel]:
    with LoadedModel.load(tiny, SETTINGS) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def slow(heavy: Path) -> Iterator[LoadedModel]:
    """Two at once, and time enough to stop them."""
    with LoadedModel.load(heavy, LONG_SETTINGS) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def exact(tiny: Path) -> Iterator[LoadedModel]:
    """Two at once, of which each answers the same whatever stands beside it in a batch."""
    with LoadedModel.load(tiny, LONG_SETTINGS) as loaded:
        yield loaded


class Running:
    """An answer on a thread of its own, which goes on until it is cancelled."""

    def __init__(
        self, model: LoadedModel, messages: list[ChatMessage], sampling: Sampling | None = None
    ) -> None:
        self.cancel = CancelToken()
        self.answer: Generation | None = None
        self.error: Exception | None = None
        self._model, self._messages, self._sampling = model, messages, sampling or greedy()
        self.writes, self.reads, self.over = threading.Event(), threading.Event(), threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def stop(self) -> Generation:
        started = time.monotonic()
        self.cancel.cancel()
        assert self.over.wait(60)
        assert time.monotonic() - started < AT_ONCE_S
        assert self.answer is not None
        return self.answer

    def _run(self) -> None:
        try:
            for event in self._model.generate(self._messages, self._sampling, self.cancel):
                if isinstance(event, PromptProgress):
                    self.reads.set()
                elif isinstance(event, Piece):
                    self.writes.set()
                else:
                    self.answer = event
        except Exception as error:
            self.error = error
        self.over.set()


def together(model: LoadedModel, questions: Sequence[str], sampling: Sampling) -> list[Generation]:
    with ThreadPoolExecutor(len(questions)) as pool:
        return list(pool.map(lambda question: ask(model, question, sampling), questions))


def test_answers_beside_each_other_are_those_of_a_model_that_is_asked_one_by_one(
    shared: LoadedModel, model: LoadedModel
) -> None:
    alone = [ask(model, question, greedy(60)) for question in QUESTIONS]
    beside = together(shared, QUESTIONS, greedy(60))  # six in four slots: two wait
    assert [answer.text for answer in beside] == [answer.text for answer in alone]
    assert len({answer.text for answer in alone}) == len(QUESTIONS)


def test_seed_decides_an_answer_whatever_is_answered_beside_it(
    shared: LoadedModel, model: LoadedModel
) -> None:
    sampling = Sampling(temperature=1.5, top_k=0, top_p=1.0, min_p=0.0, seed=7, max_tokens=40)
    alone = ask(model, "hello", sampling).text
    endless = Running(shared, talk("What of the sea?"))
    assert endless.writes.wait(60)
    assert ask(shared, "hello", sampling).text == alone
    endless.stop()


@pytest.mark.parametrize("write", [write_windowed_model, write_mamba])
def test_answers_beside_each_other_are_right_where_layers_do_not_see_all(
    write: Callable[[Path], Path], tmp_path: Path
) -> None:
    path = write(tmp_path / "model.gguf")
    questions = ["hello world " * 20, "hello", "is this the world that was " * 8]
    with LoadedModel.load(path, LoadSettings(context_length=512, threads=1)) as one_by_one:
        alone = [ask(one_by_one, question, greedy(30)).text for question in questions]
    with LoadedModel.load(path, SETTINGS) as shared:
        assert [answer.text for answer in together(shared, questions, greedy(30))] == alone
    assert len(set(alone)) == len(questions)


def test_long_prompt_does_not_keep_another_answer_from_being_written(slow: LoadedModel) -> None:
    writer = Running(slow, talk("hello"))
    assert writer.writes.wait(60)
    reader = Running(slow, talk("hello world " * 550), greedy(1))
    assert reader.over.wait(120)
    assert reader.answer is not None
    steps = reader.answer.statistics.prompt_tokens / 512
    assert writer.stop().statistics.tokens > steps


def test_answer_that_is_stopped_leaves_the_one_beside_it_alone(exact: LoadedModel) -> None:
    whole = ask(exact, "Who goes there?", greedy(400)).text
    stopped = Running(exact, talk("hello"))
    other = Running(exact, talk("Who goes there?"), greedy(400))
    assert stopped.writes.wait(60)
    assert other.writes.wait(60)
    assert stopped.stop().statistics.finish_reason == "cancelled"
    assert other.over.wait(60)
    assert other.answer is not None
    assert other.answer.text == whole


@pytest.mark.parametrize("kind", ["full", "windowed", "recurrent"])
def test_prompt_that_is_stopped_while_it_is_read_leaves_the_answer_beside_it_alone(
    kind: str, tiny: Path, tmp_path: Path
) -> None:
    write = {"full": lambda path: tiny, "windowed": write_windowed_model, "recurrent": write_mamba}[kind]
    with LoadedModel.load(write(tmp_path / "model.gguf"), LONG_SETTINGS) as model:
        whole = ask(model, "Who goes there? " * 10, greedy(300)).text
        other = Running(model, talk("Who goes there? " * 10), greedy(300))
        assert other.writes.wait(60)
        for _ in range(3):
            reader = Running(model, talk("hello world " * 550))
            assert reader.reads.wait(60)
            time.sleep(0.03)  # inside a step
            assert reader.stop().statistics.finish_reason == "cancelled"
        assert other.over.wait(60)
    assert other.answer is not None
    assert other.answer.text == whole


def test_request_that_waits_for_a_slot_can_be_cancelled_at_once(slow: LoadedModel) -> None:
    running = [Running(slow, talk(question)) for question in ("hello", "Who goes there?")]
    for each in running:
        assert each.writes.wait(60)
    waiting = Running(slow, talk("And the land?"))
    assert not waiting.reads.wait(0.2)
    waiting.cancel.cancel()
    assert waiting.over.wait(AT_ONCE_S)
    assert isinstance(waiting.error, Cancelled)
    for each in running:
        assert each.stop().statistics.tokens > 0


def test_request_that_waits_begins_when_another_ends(slow: LoadedModel) -> None:
    running = [Running(slow, talk(question)) for question in ("hello", "Who goes there?")]
    for each in running:
        assert each.writes.wait(60)
    waiting = Running(slow, talk("And the land?"), greedy(5))
    assert not waiting.reads.wait(0.2)
    running[0].stop()
    assert waiting.over.wait(60)
    assert waiting.answer is not None
    assert waiting.answer.statistics.tokens == 5
    assert not running[1].over.is_set()
    running[1].stop()


def test_what_needs_the_model_for_itself_waits_for_answers_and_those_after_it_wait(slow: LoadedModel) -> None:
    ended: list[str] = []

    def score() -> None:
        slow.score("hello world")
        ended.append("score")

    first = Running(slow, talk("hello"))
    assert first.writes.wait(60)
    scoring = threading.Thread(target=score)
    scoring.start()
    time.sleep(0.2)
    after = Running(slow, talk("Who goes there?"), greedy(3))
    assert not after.reads.wait(0.2)  # although a slot is free
    assert ended == []
    first.stop()
    assert after.reads.wait(60)
    scoring.join(60)
    assert ended == ["score"]
    assert after.over.wait(60)


def test_prompt_that_is_refused_leaves_the_answer_beside_it_alone(
    shared: LoadedModel, model: LoadedModel
) -> None:
    whole = ask(model, "hello", greedy(400)).text
    running = Running(shared, talk("hello"), greedy(400))
    assert running.writes.wait(60)
    with pytest.raises(PromptTooLong):
        ask(shared, "hello " * 512, greedy(5))
    assert running.over.wait(60)
    assert running.answer is not None
    assert running.answer.text == whole


def test_conversations_in_turn_each_find_their_own_cache(shared: LoadedModel) -> None:
    conversations = [
        talk(f"{question} " * 5) for question in ("Tell me of the sea.", "Of the land?", "hello")
    ]
    for _ in range(3):
        for conversation in conversations:
            answer = ask(shared, conversation, greedy(20))
            if len(conversation) > 1:
                assert answer.statistics.evaluated_tokens < 30 < answer.statistics.prompt_tokens
            conversation += [ChatMessage("assistant", answer.text), ChatMessage("user", "And then?")]


def test_conversation_that_rested_longest_gives_its_slot_away(tiny: Path) -> None:
    settings = LoadSettings(context_length=2 * 512, sequences=2, threads=1)
    with LoadedModel.load(tiny, settings) as model:
        for question in ("sea sea sea", "land land land", "sea sea sea", "hill hill hill"):
            ask(model, question, greedy(5))
        kept = ask(model, "sea sea sea", greedy(5)).statistics
        gone = ask(model, "land land land", greedy(5)).statistics
    assert kept.evaluated_tokens == 1
    assert gone.evaluated_tokens > 1


def test_worker_that_dies_ends_every_answer_with_its_log(heavy: Path) -> None:
    model = LoadedModel.load(heavy, LONG_SETTINGS)
    running = [Running(model, talk(question)) for question in ("hello", "Who goes there?")]
    for each in running:
        assert each.writes.wait(60)
    running.append(Running(model, talk("Who waits?")))
    psutil.Process(model.worker_pid).kill()
    for each in running:
        assert each.over.wait(60)
        assert isinstance(each.error, WorkerDied)
        assert each.error.log
    model.close()
