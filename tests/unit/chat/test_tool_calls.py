"""Calls of tools: kept with their answers and covered by checksums, readable whatever a model wrote."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from zlib import crc32

import pytest

from app.chat import ConversationStore, MessageState
from app.chat.checksums import are_all_alike
from app.chat.export import ExportFormat, written
from app.chat.history import History
from app.chat.recovered import recover_conversations
from app.chat.tool_calls import name_of, readable_arguments
from app.core.errors import DatabaseDamaged
from app.runtime import ChatMessage, Sampling, ToolCall
from app.storage import migrations, open_database
from app.storage.damage import note_damage

WEATHER = ToolCall("get_weather", '{"city":"Łódź","days":[1,2]}', "call_1")
TIME = ToolCall("get_time", "{}")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "nibble.db"


@pytest.fixture
def store(database: Path) -> Iterator[ConversationStore]:
    with ConversationStore(database) as store:
        yield store


def chat(store: ConversationStore, *calls: ToolCall, text: str = "", state=MessageState.COMPLETE) -> int:
    conversation = store.create(Path("/models/one.gguf"), Sampling())
    store.add_prompt(conversation.id, "What is the weather like?")
    writer = store.begin_answer(conversation.id, "One", "Q4_K_M")
    if text:
        writer.append(text)
    writer.finish(state, None, calls)
    return conversation.id


@pytest.mark.parametrize("state", [MessageState.COMPLETE, MessageState.STOPPED, MessageState.CUT_OFF])
def test_calls_are_kept_with_an_answer_that_has_no_word_too(
    database: Path, store: ConversationStore, state: MessageState
) -> None:
    conversation = chat(store, WEATHER, TIME, state=state)
    with ConversationStore(database) as again:
        assert again.messages(conversation)[-1].tool_calls == (WEATHER, TIME)


def test_copies_and_edits_have_the_calls(store: ConversationStore) -> None:
    conversation = chat(store, WEATHER, text="One moment.")
    copied = store.duplicate(conversation)
    assert store.messages(copied.id)[-1].tool_calls == (WEATHER,)
    edited = store.edit(store.messages(conversation)[-1].id, "Wait.")
    assert (edited.text, edited.tool_calls) == ("Wait.", (WEATHER,))


@pytest.mark.parametrize("told", [(TIME,), (WEATHER, TIME)], ids=["only-new", "all"])
def test_calls_of_an_answer_that_goes_on_are_each_kept_once(
    store: ConversationStore, told: tuple[ToolCall, ...]
) -> None:
    conversation = chat(store, WEATHER, text="One", state=MessageState.STOPPED)
    writer = store.continue_answer(store.messages(conversation)[-1].id)
    writer.append(" moment.")
    writer.finish(MessageState.COMPLETE, None, told)
    last = store.messages(conversation)[-1]
    assert (last.text, last.tool_calls) == ("One moment.", (WEATHER, TIME))


def test_next_turn_has_them(store: ConversationStore) -> None:
    conversation = chat(store, WEATHER, text="One moment.")
    store.add_prompt(conversation, "And?")
    messages = History(store.conversation(conversation), store.messages(conversation), {}).messages
    assert messages[1] == ChatMessage("assistant", "One moment.", tool_calls=(WEATHER,))


def test_call_that_is_not_as_it_was_written_is_damage(database: Path, store: ConversationStore) -> None:
    sound, harmed = chat(store, TIME), chat(store, WEATHER)
    store.close()
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE messages SET tool_calls = replace(tool_calls, '[1,2]', '[1,9]')")
    assert not are_all_alike(database)
    with ConversationStore(database) as again, pytest.raises(DatabaseDamaged):
        again.messages(harmed)
    assert recover_conversations(database) is not None
    with ConversationStore(database) as again:
        assert again.messages(sound)[-1].tool_calls == (TIME,)
        assert len(again.messages(harmed)) == 1


def test_checksums_from_before_there_were_calls_still_hold(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        before = migrations.MIGRATIONS[: migrations.MIGRATIONS.index(migrations.tool_calls_of_answers)]
        older.setattr(migrations, "MIGRATIONS", before)
        open_database(database).close()
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "INSERT INTO conversations (id, title, model_path, sampling, created_at, updated_at)"
            " VALUES (1, 'Hello', '/models/one.gguf', '{}', 0, 0)"
        )
        connection.execute(
            "INSERT INTO messages (conversation_id, role, text, state, created_at, checksum)"
            " VALUES (1, 'user', 'Hello', 'complete', 0, ?)",
            (crc32(b"1\0user\0Hello\0"),),
        )
    note_damage(database)
    assert recover_conversations(database) is not None  # before it is brought up to date
    with ConversationStore(database) as store:
        assert [message.text for message in store.messages(1)] == ["Hello"]
    assert are_all_alike(database)


def test_arguments_get_a_line_for_each_entry_and_stay_what_the_model_wrote() -> None:
    text = '{"n":1.000000000000000000001,"n":2,"list":[1e999,true]}'
    lines = readable_arguments(ToolCall("f", text)).split("\n")
    assert [line.strip() for line in lines] == [
        "{",
        '"n": 1.000000000000000000001,',
        '"n": 2,',
        '"list": [',
        "1e999,",
        "true",
        "]",
        "}",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON",
        '{"a": ',
        "[" * 100_000,
        '{"a":' * 50_000,
        "[" * 900 + "]" * 900,
        '{"a": "\x00"}',
        "}{",
        "\\",
    ],
)
def test_arguments_that_are_no_usual_json_are_shown_as_they_are(text: str) -> None:
    assert readable_arguments(ToolCall("f", text)) == text


def test_long_and_deep_arguments_do_not_become_longer() -> None:
    rows = ",".join(["[" * 500 + "]" * 500] * 1000)
    text = f"[{rows}]"
    assert len(text) > 1_000_000
    assert len(readable_arguments(ToolCall("f", text))) <= len(text)


def test_brackets_in_strings_do_not_count_as_deep() -> None:
    text = json.dumps({"code": "{" * 200 + '\\"['})
    assert "\n" in readable_arguments(ToolCall("f", text))


def test_name_of_a_tool_is_one_short_line() -> None:
    name = name_of(ToolCall("a\nb\u202ec" * 500, "{}"))
    assert "\n" not in name
    assert "\u202e" not in name
    assert len(name) < 300


HOSTILE = ToolCall('x<script>"&*', '{"a": "```\n</pre><script>alert(1)</script>')


@pytest.mark.parametrize("format", ExportFormat)
def test_export_tells_name_and_arguments(store: ConversationStore, format: ExportFormat) -> None:
    conversation = chat(store, WEATHER, HOSTILE, text="One moment.")
    text = "".join(written(store, [conversation], format))
    if format is ExportFormat.JSON:
        (document,) = json.loads(text)["conversations"]
        assert document["messages"][-1]["tool_calls"] == [
            {"name": call.name, "arguments": call.arguments, "id": call.id} for call in (WEATHER, HOSTILE)
        ]
    elif format is ExportFormat.HTML:
        assert "Asks for the tool get_weather" in text
        assert "&quot;city&quot;: &quot;Łódź&quot;" in text
        assert "<script" not in text
    else:
        assert "Asks for the tool get\\_weather:\n\n```json\n{\n" in text
        assert "````json\n" + HOSTILE.arguments + "\n````" in text
