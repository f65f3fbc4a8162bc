"""Chat: what a person has seen is kept, whatever happens next."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from app.chat import (
    RANDOM_SEED,
    AnswerDelta,
    ChatEngine,
    ConversationStore,
    MessageState,
    TurnsLeftOut,
)
from app.core.errors import Cancelled, DiskFull, FileGone, PromptTooLong, TooLittleMemory, WorkerDied
from app.core.jobs import Emitted, Job, JobState, Progress
from app.hardware import Memory
from app.hardware import live as live_module
from app.memory import Keeper
from app.runtime import Sampling
from tests.helpers.conversations import GREEDY, answer, last_message, new_conversation
from tests.helpers.small_disk import mounted
from tests.helpers.tiny_gguf import CHATML, write_tiny_model

ENDLESS = Sampling(temperature=0)
AT_ONCE_S = 2.0


def test_answer_is_in_the_database_before_it_is_shown(
    engine: ChatEngine, store: ConversationStore, database: Path, heavy: Path
) -> None:
    conversation = new_conversation(store, heavy, "hello")
    shown = ""
    kept: list[tuple[str, str]] = []

    def on_delta(delta: AnswerDelta) -> None:
        nonlocal shown
        shown += delta.text
        kept.append((last_message(database, conversation).text, shown))

    message = answer(engine, conversation, on_delta)

    assert len(kept) > 3
    assert all(stored.startswith(seen) for stored, seen in kept)
    assert message == last_message(database, conversation)
    assert (message.text, message.state) == (shown, MessageState.COMPLETE)
    assert message.statistics is not None
    assert (message.statistics.tokens, message.statistics.finish_reason) == (40, "length")
    assert (message.model_name, message.quantization) == ("Tiny random", "F16")


def test_answer_stopped_before_its_first_word_leaves_the_prompt_alone(
    engine: ChatEngine, store: ConversationStore, heavy: Path
) -> None:
    conversation = new_conversation(store, heavy, "hello world " * 550, sampling=ENDLESS)

    def listen(event: object) -> None:
        if isinstance(event, Progress) and event.unit == "tokens":
            job.cancel()

    job = Job("answer", lambda control: engine.answer(conversation, control), listen)
    assert job.start().result(60) is None
    assert [message.role for message in store.messages(conversation)] == ["user"]


def test_answer_stopped_while_its_model_loads_is_cancelled_and_can_be_asked_for_again(
    engine: ChatEngine, store: ConversationStore, heavy: Path
) -> None:
    conversation = new_conversation(store, heavy, "hello")
    job = Job(
        "answer",
        lambda control: engine.answer(conversation, control),
        lambda event: job.cancel() if isinstance(event, Progress) else None,
    )
    with pytest.raises(Cancelled):
        job.start().result(60)
    assert job.state is JobState.CANCELLED
    assert [message.role for message in store.messages(conversation)] == ["user"]
    assert engine.loaded_path is None
    assert answer(engine, conversation) is not None


APPLICATION = """
import json, sys
from pathlib import Path
from app.chat import ChatEngine
from app.core.jobs import Emitted, Job
from app.memory import Keeper

def show(event):
    if isinstance(event, Emitted):
        print(json.dumps(event.value.text), flush=True)

engine = ChatEngine(Path(sys.argv[1]), Keeper(Path(sys.argv[1])))
Job("answer", lambda control: engine.answer(int(sys.argv[2]), control), show).start().wait()
"""


@pytest.mark.parametrize("killed_after", [1, 2, 5, 11, 25])
def test_application_killed_during_an_answer_loses_nothing_it_has_shown(
    store: ConversationStore, database: Path, heavy: Path, killed_after: int
) -> None:
    conversation = new_conversation(store, heavy, "hello", sampling=ENDLESS)
    command = [sys.executable, "-c", APPLICATION, str(database), str(conversation)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as application:
        assert application.stdout is not None
        lines = [application.stdout.readline() for _ in range(killed_after)]
        workers = psutil.Process(application.pid).children()
        time.sleep(random.uniform(0, 0.03))
        application.kill()
        lines += application.stdout.read().splitlines()
    shown = "".join(json.loads(line) for line in lines if line.endswith(('"', '"\n')))

    assert store.recover() == 1
    message = last_message(database, conversation)
    assert shown
    assert message.text.startswith(shown)
    assert message.state is MessageState.CUT_OFF
    assert store.messages(conversation)[0].text == "hello"
    assert psutil.wait_procs(workers, timeout=10)[1] == []


def test_two_conversations_in_turn_do_not_mix(
    engine: ChatEngine, store: ConversationStore, tiny: Path
) -> None:
    sea = new_conversation(store, tiny, "Tell me of the sea.")
    land = new_conversation(store, tiny, "Tell me of the land.")
    of_sea, of_land = answer(engine, sea), answer(engine, land)
    again = answer(engine, sea)
    assert of_sea is not None
    assert of_land is not None
    assert again is not None
    assert again.text == of_sea.text != of_land.text


def test_random_seed_gives_each_answer_its_own_and_tells_it(
    engine: ChatEngine, store: ConversationStore, tiny: Path
) -> None:
    sampling = Sampling(temperature=2.0, top_k=0, top_p=1.0, min_p=0.0, seed=RANDOM_SEED, max_tokens=30)
    conversation = new_conversation(store, tiny, "hello", sampling=sampling)
    first, second = answer(engine, conversation), answer(engine, conversation)
    assert first is not None
    assert second is not None
    assert first.statistics is not None
    assert second.statistics is not None
    assert first.statistics.seed != second.statistics.seed
    assert first.text != second.text
    fixed = Sampling(
        temperature=2.0, top_k=0, top_p=1.0, min_p=0.0, seed=first.statistics.seed, max_tokens=30
    )
    store.change_sampling(conversation, fixed)
    again = answer(engine, conversation)
    assert again is not None
    assert again.text == first.text


def test_another_model_takes_the_place_of_the_one_before(
    engine: ChatEngine, store: ConversationStore, tiny: Path, ending: Path
) -> None:
    conversation = new_conversation(store, tiny, "hello")
    answer(engine, conversation)
    first_worker = engine.worker_pid
    store.change_model(conversation, ending)
    answer(engine, conversation)
    assert engine.loaded_path == ending
    assert first_worker is not None
    assert not psutil.pid_exists(first_worker)


def test_model_file_made_anew_under_the_same_name_is_loaded_again(
    engine: ChatEngine, store: ConversationStore, tmp_path: Path
) -> None:
    path = write_tiny_model(tmp_path / "model.gguf", seed=1, never_ends=True)
    other = write_tiny_model(tmp_path / "other.gguf", seed=2, never_ends=True)
    texts = []
    for _ in range(2):
        message = answer(engine, new_conversation(store, path, "Hello"))
        assert message is not None
        texts.append(message.text)
        if other.exists():
            other.replace(path)
    assert texts[0] != texts[1]


def test_model_file_deleted_gives_file_gone_and_keeps_the_prompt(
    engine: ChatEngine, store: ConversationStore, tmp_path: Path
) -> None:
    path = write_tiny_model(tmp_path / "short-lived.gguf", chat_template=CHATML)
    conversation = new_conversation(store, path, "hello")
    moved = path.rename(tmp_path / "moved.gguf")
    with pytest.raises(FileGone):
        answer(engine, conversation)
    assert [message.text for message in store.messages(conversation)] == ["hello"]
    shutil.copy(moved, path)
    assert answer(engine, conversation) is not None


def test_model_that_does_not_fit_into_memory_is_refused_before_it_is_loaded(
    engine: ChatEngine, store: ConversationStore, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation = new_conversation(store, tiny, "hello")
    monkeypatch.setattr(live_module, "read_memory", lambda: Memory(8_000_000_000, 50_000_000, False))
    with pytest.raises(TooLittleMemory, match=r"50.0 MB are free"):
        answer(engine, conversation)
    assert psutil.Process().children() == []
    monkeypatch.undo()
    assert answer(engine, conversation) is not None


def test_conversation_longer_than_the_context_is_refused_and_the_model_stays(
    engine: ChatEngine, store: ConversationStore, tmp_path: Path
) -> None:
    path = write_tiny_model(tmp_path / "short.gguf", chat_template=CHATML, context=256, never_ends=True)
    conversation = new_conversation(store, path, "hello " * 300)
    with pytest.raises(PromptTooLong, match="256"):
        answer(engine, conversation)
    assert engine.loaded_path == path
    assert [message.role for message in store.messages(conversation)] == ["user"]


def test_conversation_longer_than_the_context_goes_on_without_its_oldest_turns_where_that_was_chosen(
    engine: ChatEngine, store: ConversationStore, tmp_path: Path
) -> None:
    path = write_tiny_model(tmp_path / "short.gguf", chat_template=CHATML, context=256, never_ends=True)
    conversation = new_conversation(store, path, "hello", sampling=Sampling(temperature=0, max_tokens=10))
    store.change_when_full(conversation, "drop_oldest")
    told: list[int] = []

    def listen(event: object) -> None:
        if isinstance(event, Emitted) and isinstance(event.value, TurnsLeftOut):
            told.append(event.value.messages)

    for turn in range(8):
        store.add_prompt(conversation, f"Turn {turn}: hello world")
        job = Job("answer", lambda control: engine.answer(conversation, control), listen)
        message = job.start().result(60)
    assert message is not None
    assert message.statistics is not None
    assert message.statistics.dropped_messages == told[-1] > 0
    assert told == sorted(told)
    assert len(store.messages(conversation)) == 17  # all of it is still there


def test_close_during_an_answer_ends_it_and_keeps_its_text(
    engine: ChatEngine, store: ConversationStore, database: Path, heavy: Path
) -> None:
    conversation = new_conversation(store, heavy, "hello", sampling=ENDLESS)
    shown: list[str] = []

    def on_delta(delta: AnswerDelta) -> None:
        shown.append(delta.text)
        if len(shown) == 3:
            engine.close()

    with pytest.raises(WorkerDied):
        answer(engine, conversation, on_delta)
    assert last_message(database, conversation).text == "".join(shown)
    assert last_message(database, conversation).state is MessageState.CUT_OFF
    assert psutil.Process().children() == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    with mounted(tmp_path / "disk", megabytes=2) as disk:
        yield disk


def test_disk_that_fills_during_an_answer_gives_a_fault_and_keeps_what_was_shown(
    small_disk: Path, heavy: Path
) -> None:
    database, filler = small_disk / "nibble.db", small_disk / "another program's file"
    engine = ChatEngine(database, Keeper(database))
    shown: list[str] = []

    def fill(delta: AnswerDelta) -> None:
        shown.append(delta.text)
        if len(shown) == 3:
            with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
                while file.write(b"x" * 1024):
                    pass

    with ConversationStore(database) as store:
        conversation = new_conversation(store, heavy, "hello", sampling=ENDLESS)
        with pytest.raises(DiskFull) as caught:
            answer(engine, conversation, fill)
        assert caught.value.hint
        seen = "".join(shown)
        filler.unlink()
        assert store.messages(conversation)[-1].text.startswith(seen)
        # With room again, the same engine goes on.
        store.change_sampling(conversation, GREEDY)
        again = answer(engine, conversation)
        assert again is not None
        assert again.state is MessageState.COMPLETE
    engine.close()
