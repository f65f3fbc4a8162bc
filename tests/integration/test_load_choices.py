"""What a person chooses for a model: kept with it, obeyed by whoever loads it, and taken back in one go."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from app.chat import ChatEngine, ConversationStore
from app.compare import Comparison
from app.core.errors import FileGone, WrongChoice
from app.core.jobs import CancelToken, JobControl
from app.memory import Keeper
from app.recommend.choices import FOREVER, LoadChoices, read_choices, write_choices
from app.runtime import Sampling
from app.runtime.protocol import Adapter
from tests.helpers.command_line import nibble
from tests.helpers.conversations import answer, new_conversation
from tests.helpers.lora import random_pair, write_lora
from tests.helpers.tiny_gguf import CHATML, write_tiny_model


class Clock:
    """A day in which nothing happens by itself."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def chat(database: Path, clock: Clock) -> ChatEngine:
    return ChatEngine(database, Keeper(database), clock)


@pytest.fixture(scope="module")
def voice(models: Path) -> Path:
    pairs = {f"blk.{layer}.attn_v.weight": random_pair(128, 256, 8, layer, 4.0) for layer in range(2)}
    return write_lora(models / "voice-of-choice.gguf", pairs, alpha=16.0)


def quiet() -> JobControl:
    return JobControl(CancelToken(), lambda event: None)


def test_choices_stay_with_a_model_that_is_renamed_and_moved(tmp_path: Path, database: Path) -> None:
    model = write_tiny_model(tmp_path / "one.gguf")
    chosen = LoadChoices(context_length=1024, kv_type="q8_0", keep_minutes=FOREVER)
    write_choices(database, model, chosen)
    elsewhere = tmp_path / "folder" / "another name.gguf"
    elsewhere.parent.mkdir()
    model.rename(elsewhere)
    assert read_choices(database, elsewhere) == chosen
    # Other weights under the old name, though all else is the same.
    other = write_tiny_model(model, seed=1)
    assert read_choices(database, other) == LoadChoices()


def test_choices_that_were_taken_back_or_cannot_be_read_are_none(tiny: Path, database: Path) -> None:
    assert read_choices(database, tiny) == LoadChoices()
    write_choices(database, tiny, LoadChoices(threads=1))
    write_choices(database, tiny, LoadChoices())
    assert read_choices(database, tiny) == LoadChoices()
    assert read_choices(database, tiny.with_name("none.gguf")) == LoadChoices()


def test_chat_loads_as_chosen_and_anew_when_another_choice_is_made(
    chat: ChatEngine, database: Path, tiny: Path
) -> None:
    chat.choose(tiny, LoadChoices(context_length=768, threads=1))
    chat.load(tiny, quiet())
    first, settings = chat.worker_pid, chat.settings
    assert settings is not None
    assert (settings.context_length, settings.threads) == (768, 1)
    chat.choose(tiny, LoadChoices(context_length=768, threads=1, keep_minutes=30))
    chat.load(tiny, quiet())
    assert chat.worker_pid == first
    chat.choose(tiny, LoadChoices(context_length=512, threads=1, keep_minutes=30))
    assert chat.loaded_path is None
    chat.load(tiny, quiet())
    assert chat.worker_pid != first
    assert chat.loaded_path == tiny
    assert chat.settings == msgspec.structs.replace(settings, context_length=512)
    chat.close()


def test_adapter_that_was_chosen_changes_the_answers_of_a_chat_and_counts_in_its_memory(
    chat: ChatEngine, database: Path, store: ConversationStore, tiny: Path, voice: Path, tmp_path: Path
) -> None:
    greedy = Sampling(temperature=0, max_tokens=24)

    def answered() -> str:
        message = answer(chat, new_conversation(store, tiny, "hello world", sampling=greedy))
        assert message is not None
        return message.text

    plain = answered()
    chat.choose(tiny, LoadChoices(adapters=(Adapter(os.fsencode(voice), 1.0),)))
    changed = answered()
    chat.choose(tiny, LoadChoices(adapters=(Adapter(os.fsencode(voice), 0.0),)))
    assert answered() == plain != changed
    # One that does not go with the model is told before the runtime sees it, and nothing is loaded in its place.
    foreign = write_lora(tmp_path / "foreign.gguf", {}, alpha=1.0, architecture="qwen2")
    chat.choose(tiny, LoadChoices(adapters=(Adapter(os.fsencode(foreign)),)))
    with pytest.raises(WrongChoice, match="adapter for models of 'qwen2'"):
        chat.load(tiny, quiet())
    chat.choose(tiny, LoadChoices(adapters=(Adapter(b"/nowhere/lost.gguf"),)))
    with pytest.raises(FileGone, match=r"lost\.gguf"):
        chat.load(tiny, quiet())
    chat.close()


def test_model_is_unloaded_once_it_was_idle_for_as_long_as_it_is_kept(
    chat: ChatEngine, clock: Clock, store: ConversationStore, tiny: Path
) -> None:
    assert chat.idle_left_s is None
    answer(chat, new_conversation(store, tiny, "hello"))
    assert chat.idle_left_s == 5 * 60
    clock.now += 5 * 60 - 1
    assert not chat.unload_idle()
    clock.now += 1
    assert chat.unload_idle()
    assert chat.worker_pid is None
    assert not chat.unload_idle()
    # The next prompt loads it again.
    message = answer(chat, new_conversation(store, tiny, "hello"))
    assert message is not None
    assert message.text
    chat.choose(tiny, LoadChoices(keep_minutes=FOREVER))
    clock.now += 10**9
    assert not chat.unload_idle()
    chat.choose(tiny, LoadChoices(keep_minutes=1))
    assert chat.unload_idle()
    chat.close()


def test_model_that_is_kept_for_no_time_waits_for_its_first_prompt_and_leaves_after_the_answer(
    chat: ChatEngine, clock: Clock, store: ConversationStore, tiny: Path
) -> None:
    chat.choose(tiny, LoadChoices(keep_minutes=0))
    chat.load(tiny, quiet())
    clock.now += 30
    assert not chat.unload_idle()
    answer(chat, new_conversation(store, tiny, "hello"))
    assert chat.unload_idle()
    chat.close()


def test_compared_models_are_loaded_as_chosen_with_no_more_threads_than_are_theirs(
    database: Path, clock: Clock, tiny: Path, tmp_path: Path
) -> None:
    other = write_tiny_model(tmp_path / "other.gguf", chat_template=CHATML, never_ends=True, seed=3)
    write_choices(database, tiny, LoadChoices(context_length=1024, threads=64, keep_minutes=2))
    sampling = Sampling(temperature=0, max_tokens=4)
    with Comparison([tiny, other], sampling, Keeper(database), clock=clock) as comparison:
        comparison.ask("hello", quiet())
        first = comparison.worker_pids
        loads = [pane.load for pane in comparison._panes]
        assert [load and load.settings.context_length for load in loads] == [1024, 512]
        assert {load and load.settings.threads for load in loads} == {comparison.threads_per_pane}
        write_choices(database, tiny, LoadChoices(context_length=256))
        comparison.ask("hello", quiet())
        second = comparison.worker_pids
        assert first[0] != second[0]
        assert first[1] == second[1]
        clock.now += 5 * 60
        assert comparison.unload_idle()
        assert comparison.worker_pids == (None, None)


def test_command_line_loads_as_chosen_unless_told_otherwise(
    home: Path, tiny: Path, voice: Path, tmp_path: Path
) -> None:
    home.mkdir(exist_ok=True)
    prompt = "hello world " * 60  # some 440 tokens
    write_choices(home / "nibble.db", tiny, LoadChoices(context_length=256))
    nibble("chat", tiny, "-p", prompt).assert_refused("context holds 256")
    options = (
        "-p",
        prompt,
        "--temperature",
        0,
        "--max-tokens",
        16,
        "--context",
        1024,
        "--threads",
        1,
        "--json",
    )
    plain = nibble("chat", tiny, *options).document["text"]
    for strength, same in ((0, True), (1, False)):
        told = nibble("chat", tiny, *options, "--kv", "f16", "--lora", f"{voice}:{strength}")
        assert (told.document["text"] == plain) == same
    nibble("chat", tiny, *options, "--lora", tmp_path / "none.gguf").assert_refused("no adapter")
    nibble("chat", tiny, *options, "--kv", "q8_0", "--no-flash-attention").assert_refused(
        "needs flash attention"
    )
