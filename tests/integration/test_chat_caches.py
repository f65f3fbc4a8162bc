"""Chat reopens a conversation without reading it again, and keeps nothing of one that is deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.chat import ChatEngine, ConversationStore, Message, kept_caches
from app.memory import Keeper
from app.runtime import Sampling
from app.storage import DataFolder
from tests.helpers.conversations import GREEDY, answer, new_conversation
from tests.helpers.tiny_gguf import CHATML, write_tiny_model

LONG = "A cache keeps what was computed. " * 60


@pytest.fixture
def path(guide: Callable[[str], Path]) -> Path:
    return guide("Q4_K_M")


@contextmanager
def fresh_engine(database: Path) -> Iterator[ChatEngine]:
    """As after a new start of Nibble."""
    engine = ChatEngine(database, Keeper(database), spared_s=0)
    try:
        yield engine
    finally:
        engine.close()


def files(database: Path) -> list[Path]:
    return sorted(DataFolder(database.parent).conversation_caches.glob("*"))


def go_on(engine: ChatEngine, store: ConversationStore, conversation: int, prompt: str) -> Message:
    store.add_prompt(conversation, prompt)
    message = answer(engine, conversation)
    assert message is not None
    return message


def evaluated(message: Message | None) -> int:
    assert message is not None
    assert message.statistics is not None
    return message.statistics.evaluated_tokens


def test_long_conversation_that_is_reopened_after_a_new_start_reads_only_what_is_new(
    store: ConversationStore, database: Path, path: Path
) -> None:
    conversation = new_conversation(store, path, LONG)
    with fresh_engine(database) as engine:
        assert evaluated(answer(engine, conversation)) > 400
        in_one_go = go_on(engine, store, conversation, "And then?")
    with fresh_engine(database) as engine:
        reopened = go_on(engine, store, conversation, "And then?")
    assert reopened.statistics is not None
    assert reopened.statistics.prompt_tokens > 400
    # An answer that reached its limit has one token that was shown and never evaluated.
    assert evaluated(reopened) <= evaluated(in_one_go) + 1 < 20


def test_conversations_that_take_turns_with_one_model_each_read_only_what_is_new(
    store: ConversationStore, database: Path, path: Path
) -> None:
    first, second = (new_conversation(store, path, f"{name}: {LONG}") for name in ("One", "Two"))
    with fresh_engine(database) as engine:
        for conversation in (first, second):
            assert evaluated(answer(engine, conversation)) > 400
        assert files(database) != []  # the first gave its place to the second
        for conversation in (first, second, first):
            assert evaluated(go_on(engine, store, conversation, "And then?")) < 20


def test_conversation_is_not_written_to_disk_at_every_turn(
    store: ConversationStore, database: Path, path: Path
) -> None:
    conversation = new_conversation(store, path, "What is a KV cache?")
    with fresh_engine(database) as engine:
        answer(engine, conversation)
        go_on(engine, store, conversation, "And then?")
        assert files(database) == []
        engine.unload()
        assert len(files(database)) == 1


def test_what_is_read_again_in_a_moment_is_not_written_to_disk(
    store: ConversationStore, database: Path, path: Path
) -> None:
    conversation = new_conversation(store, path, "What is a KV cache?")
    engine = ChatEngine(database, Keeper(database))
    answer(engine, conversation)
    engine.close()
    assert files(database) == []


def test_conversation_that_is_left_is_saved_before_another_one_begins(
    store: ConversationStore, database: Path, path: Path
) -> None:
    left, opened = (new_conversation(store, path, f"{name}: {LONG}") for name in ("One", "Two"))
    with fresh_engine(database) as engine:
        answer(engine, left)
        engine.put_aside(but=left)  # it is looked at again
        assert files(database) == []
        engine.put_aside(but=opened)
        assert [file.name.partition("-")[0] for file in files(database)] == [str(left)]


def test_deleted_conversation_leaves_nothing_behind(
    store: ConversationStore, database: Path, path: Path
) -> None:
    deleted, other = (
        new_conversation(store, path, "What is a KV cache?"),
        new_conversation(store, path, "Why?"),
    )
    with fresh_engine(database) as engine:
        answer(engine, deleted)
        answer(engine, other)
        assert [file.name.partition("-")[0] for file in files(database)] == [str(deleted)]
        store.delete(deleted)
        assert files(database) == []
        answer(engine, other)
        store.delete(other)  # while its cache is in the model, not in a file
    assert files(database) == []


def test_only_the_last_conversations_are_kept(
    store: ConversationStore, database: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_caches, "MOST_FILES", 2)
    conversations = [new_conversation(store, path, f"What is {word}?") for word in ("a", "b", "c", "d")]
    with fresh_engine(database) as engine:
        for conversation in conversations:
            answer(engine, conversation)
    assert {int(file.name.partition("-")[0]) for file in files(database)} == set(conversations[2:])


def test_files_take_no_more_than_their_limit_together(
    store: ConversationStore, database: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (new_conversation(store, path, f"{name}: {LONG}") for name in ("One", "Two"))
    with fresh_engine(database) as engine:
        answer(engine, first)
    (file,) = files(database)
    limit = file.stat().st_size * 3 // 2
    monkeypatch.setattr(kept_caches, "MOST_BYTES", limit)
    with fresh_engine(database) as engine:
        answer(engine, second)
    assert [file.name.partition("-")[0] for file in files(database)] == [str(second)]
    monkeypatch.setattr(kept_caches, "MOST_BYTES", 1000)
    with fresh_engine(database) as engine:
        answer(engine, first)
    assert files(database) == []


def test_cache_of_a_file_that_was_made_anew_is_not_used(
    store: ConversationStore, database: Path, tmp_path: Path
) -> None:
    path = write_tiny_model(tmp_path / "model.gguf", chat_template=CHATML, never_ends=True, scale=2.0)
    other = write_tiny_model(
        tmp_path / "other.gguf", chat_template=CHATML, never_ends=True, scale=2.0, seed=2
    )
    conversation = new_conversation(store, path, "hello world " * 20, sampling=GREEDY)
    with fresh_engine(database) as engine:
        answer(engine, conversation)
    other.replace(path)
    with fresh_engine(database) as engine:
        again = answer(engine, conversation)
    assert again is not None
    assert again.statistics is not None
    assert evaluated(again) == again.statistics.prompt_tokens


def test_damaged_file_costs_only_time(store: ConversationStore, database: Path, path: Path) -> None:
    conversation = new_conversation(store, path, LONG, sampling=Sampling(temperature=0, max_tokens=20))
    with fresh_engine(database) as engine:
        whole = answer(engine, conversation)
    (file,) = files(database)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with fresh_engine(database) as engine:
        again = answer(engine, conversation)
    assert whole is not None
    assert again is not None
    assert again.text == whole.text
    assert evaluated(again) > 400
