"""The KV cache of a conversation outlives its process; a file that is of no use is no trouble either."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.core.errors import DiskFull
from app.runtime import ChatMessage, LoadedModel, LoadSettings
from tests.helpers.answers import ask, greedy, talk
from tests.helpers.forgetful_models import write_mamba, write_windowed_model
from tests.helpers.small_disk import mounted
from tests.helpers.tiny_gguf import CHATML, write_tiny_model

SETTINGS = LoadSettings(context_length=512, threads=1)
MOST = 1 << 30
STAMP = "a model, loaded in some way"


def ask_as(model: LoadedModel, name: str, messages: list[ChatMessage], tokens: int) -> str:
    """The answer, given in a conversation of that name."""
    *_, last = model.generate(messages, greedy(tokens), conversation=name)
    return last.text  # type: ignore[union-attr]


@pytest.fixture
def loaded(tiny: Path) -> Iterator[LoadedModel]:
    with LoadedModel.load(tiny, SETTINGS) as model:
        yield model


@pytest.fixture(scope="module")
def saved(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[ChatMessage]]:
    """A file, and the conversation it holds with one more question."""
    file = tmp_path_factory.mktemp("kept") / "cache.kv"
    messages = talk("hello world " * 20)
    with LoadedModel.load(tiny, SETTINGS) as model:
        text = ask_as(model, "1", messages, 30)
        assert model.save_cache("1", file, STAMP, MOST) > 100
    return file, [*messages, ChatMessage("assistant", text), ChatMessage("user", "And then?")]


@pytest.mark.parametrize("kind", ["full", "windowed", "recurrent"])
@pytest.mark.parametrize("kv_type", ["f16", "q8_0"])
def test_conversation_goes_on_in_another_process_as_if_it_were_the_same(
    kind: str, kv_type: str, tiny: Path, tmp_path: Path
) -> None:
    write: dict[str, Callable[[Path], Path]] = {"windowed": write_windowed_model, "recurrent": write_mamba}
    path = write[kind](tmp_path / "model.gguf") if kind in write else tiny
    settings = LoadSettings(context_length=512, threads=1, kv_type=kv_type)  # type: ignore[arg-type]
    file = tmp_path / "cache.kv"
    messages = talk("hello world " * 20)
    with LoadedModel.load(path, settings) as model:
        text = ask_as(model, "1", messages, 30)
        tokens = model.save_cache("1", file, STAMP, MOST)
        messages += [ChatMessage("assistant", text), ChatMessage("user", "And then?")]
        went_on = ask(model, messages, greedy(30))
    with LoadedModel.load(path, settings) as model:
        assert model.restore_cache("1", file, STAMP) == tokens
        restored = ask(model, messages, greedy(30))
    assert restored.text == went_on.text
    assert restored.statistics.evaluated_tokens == went_on.statistics.evaluated_tokens
    assert restored.statistics.evaluated_tokens < restored.statistics.prompt_tokens / 2


def test_each_of_several_conversations_has_its_file(tiny: Path, tmp_path: Path) -> None:
    settings = LoadSettings(context_length=2 * 512, sequences=2, threads=1)
    questions = {"sea": talk("Tell me of the sea. " * 5), "land": talk("And of the land? " * 5)}
    texts = {}
    with LoadedModel.load(tiny, settings) as model:
        for name, messages in questions.items():
            ask_as(model, name, messages, 10)
            texts[name] = ask_as(model, name, messages, 10)  # from the cache, as below
        for name in questions:
            assert model.save_cache(name, tmp_path / name, STAMP, MOST)
    with LoadedModel.load(tiny, settings) as model:
        for name in reversed(questions):
            assert model.restore_cache(name, tmp_path / name, STAMP)
        for name, messages in questions.items():
            again = ask(model, messages, greedy(10))
            assert again.text == texts[name]
            assert again.statistics.evaluated_tokens == 1


def test_conversation_that_is_not_in_the_cache_has_no_file(loaded: LoadedModel, tmp_path: Path) -> None:
    ask_as(loaded, "1", talk("hello"), 5)
    assert loaded.save_cache("2", tmp_path / "cache.kv", STAMP, MOST) == 0
    ask_as(loaded, "3", talk("Who goes there?"), 5)  # in the only slot
    assert loaded.save_cache("1", tmp_path / "cache.kv", STAMP, MOST) == 0
    assert list(tmp_path.glob("*cache*")) == []


def test_cache_beyond_the_limit_is_not_saved(loaded: LoadedModel, tmp_path: Path) -> None:
    ask_as(loaded, "1", talk("hello"), 5)
    assert loaded.save_cache("1", tmp_path / "cache.kv", STAMP, 1000) == 0
    assert list(tmp_path.glob("*cache*")) == []


def test_conversation_that_is_in_the_cache_anyway_is_not_read(
    loaded: LoadedModel, saved: tuple[Path, list[ChatMessage]]
) -> None:
    file, _ = saved
    ask_as(loaded, "1", talk("Something else."), 5)
    restored = loaded.restore_cache("1", file, STAMP)
    assert 0 < restored < 50  # what is there, not the hundreds of the file
    assert ask(loaded, talk("Something else."), greedy(5)).statistics.evaluated_tokens == 1


def answers_right(model: LoadedModel, file: Path, messages: list[ChatMessage], right: str) -> None:
    assert model.restore_cache("1", file, STAMP) == 0
    assert ask(model, messages, greedy(10)).text == right
    ask(model, talk("x"), greedy(1))


def test_file_that_was_changed_anywhere_is_ignored(
    loaded: LoadedModel, saved: tuple[Path, list[ChatMessage]], tmp_path: Path
) -> None:
    file, messages = saved
    whole = file.read_bytes()
    right = ask(loaded, messages, greedy(10)).text
    chance = random.Random(3)
    places = [0, 5, 8, 11, 200, len(whole) - 1, len(whole) - 9, len(whole) - 13]
    for place in [*places, *(chance.randrange(len(whole)) for _ in range(20))]:
        content = bytearray(whole)
        content[place] ^= 1 << chance.randrange(8)
        damaged = tmp_path / "damaged.kv"
        damaged.write_bytes(content)
        answers_right(loaded, damaged, messages, right)


def test_file_that_is_not_whole_or_something_else_is_ignored(
    loaded: LoadedModel, saved: tuple[Path, list[ChatMessage]], tmp_path: Path
) -> None:
    file, messages = saved
    whole = file.read_bytes()
    right = ask(loaded, messages, greedy(10)).text
    for content in (b"", b"x", whole[:-1], whole[:100], whole[: len(whole) // 2], b"\0" * 5000, whole[100:]):
        other = tmp_path / "other.kv"
        other.write_bytes(content)
        answers_right(loaded, other, messages, right)
    answers_right(loaded, tmp_path / "none.kv", messages, right)
    answers_right(loaded, tmp_path, messages, right)


def test_file_of_another_stamp_is_ignored(loaded: LoadedModel, saved: tuple[Path, list[ChatMessage]]) -> None:
    file, _ = saved
    assert loaded.restore_cache("1", file, "another model") == 0


@pytest.mark.parametrize("options", [{"layers": 3}, {"kv_heads": 4}, {"hidden": 512}], ids=str)
def test_file_of_another_model_is_ignored_even_if_its_stamp_says_otherwise(
    saved: tuple[Path, list[ChatMessage]], tmp_path: Path, options: dict[str, int]
) -> None:
    file, messages = saved
    path = write_tiny_model(tmp_path / "other.gguf", chat_template=CHATML, never_ends=True, **options)  # type: ignore[arg-type]
    with LoadedModel.load(path, SETTINGS) as other:
        right = ask(other, messages, greedy(10)).text
        answers_right(other, file, messages, right)


def test_file_of_more_than_the_context_holds_is_ignored(tiny: Path, tmp_path: Path) -> None:
    file, messages = tmp_path / "cache.kv", talk("hello world " * 100)
    with LoadedModel.load(tiny, LoadSettings(context_length=1024, threads=1)) as model:
        ask_as(model, "1", messages, 5)
        assert model.save_cache("1", file, STAMP, MOST) > 512
    with LoadedModel.load(tiny, SETTINGS) as model:
        assert model.restore_cache("1", file, STAMP) == 0
        assert ask(model, "hello", greedy(5)).statistics.tokens == 5


def test_disk_that_is_full_is_a_fault_and_the_conversation_goes_on(heavy: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", megabytes=2) as disk, LoadedModel.load(heavy, SETTINGS) as model:
        messages = talk("hello world " * 60)
        text = ask_as(model, "1", messages, 5)  # some 400 tokens of 20 KB
        with pytest.raises(DiskFull):
            model.save_cache("1", disk / "cache.kv", STAMP, MOST)
        assert [file for file in disk.iterdir() if "cache" in file.name] == []
        went_on = [*messages, ChatMessage("assistant", text), ChatMessage("user", "And then?")]
        assert ask(model, went_on, greedy(5)).statistics.evaluated_tokens < 60
