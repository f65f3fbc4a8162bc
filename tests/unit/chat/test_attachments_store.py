"""Attachments stay with their messages and go with them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from app.chat import ConversationStore
from app.chat.attachments import Attachment, AttachmentHead
from app.chat.history import History
from app.runtime import Sampling

NOTES = Attachment(AttachmentHead("notes.md", "text/markdown", 7, 3, "Only a part."), "# Notes")
TABLE = Attachment(AttachmentHead("table.csv", "text/csv", 3), "a,b")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ConversationStore]:
    with ConversationStore(tmp_path / "nibble.sqlite3") as store:
        yield store


@pytest.fixture
def conversation(store: ConversationStore) -> int:
    return store.create(Path("m.gguf"), Sampling()).id


def test_prompt_keeps_its_attachments_in_order(store: ConversationStore, conversation: int):
    store.add_prompt(conversation, "What is this?", [NOTES, TABLE])
    (prompt,) = store.messages(conversation)
    assert prompt.text == "What is this?"
    assert prompt.attachments == (NOTES.head, TABLE.head)
    assert store.attachments_of([prompt]) == {prompt.id: (NOTES, TABLE)}


def test_message_without_attachments_has_none(store: ConversationStore, conversation: int):
    prompt = store.add_prompt(conversation, "Hi")
    assert prompt.attachments == ()
    assert store.attachments_of([prompt]) == {}


def test_model_is_given_the_files_of_every_prompt(store: ConversationStore, conversation: int):
    store.add_prompt(conversation, "First", [TABLE])
    store.begin_answer(conversation, "M", None).append("Yes")
    store.add_prompt(conversation, "Second", [NOTES])
    messages = store.messages(conversation)
    history = History(store.conversation(conversation), messages, store.attachments_of(messages))
    first, _, second = history.messages
    assert first.content == 'File "table.csv":\n```csv\na,b\n```\n\nFirst'
    assert second.content == 'File "notes.md" (Only a part):\n```markdown\n# Notes\n```\n\nSecond'


def test_conversation_that_begins_with_files_alone_is_called_by_them(
    store: ConversationStore, conversation: int
):
    store.add_prompt(conversation, "", [NOTES, TABLE])
    assert store.conversation(conversation).title == "notes.md, table.csv"
    store.rename(conversation, "Mine")
    store.rename(conversation, " ")
    assert store.conversation(conversation).title == "notes.md, table.csv"


def test_edited_prompt_has_the_same_attachments_and_the_first_one_keeps_them(
    store: ConversationStore, conversation: int
):
    prompt = store.add_prompt(conversation, "What is this?", [NOTES])
    edited = store.edit(prompt.id, "And what is that?")
    assert store.attachments_of([store.message(prompt.id), edited]) == {
        prompt.id: (NOTES,),
        edited.id: (NOTES,),
    }


def test_copy_of_a_conversation_has_the_attachments_too(store: ConversationStore, conversation: int):
    store.add_prompt(conversation, "What is this?", [NOTES])
    copy = store.duplicate(conversation)
    store.delete(conversation)
    (prompt,) = store.messages(copy.id)
    assert store.attachments_of([prompt]) == {prompt.id: (NOTES,)}


def test_deleted_conversation_takes_its_attachments(
    store: ConversationStore, conversation: int, tmp_path: Path
):
    store.add_prompt(conversation, "What is this?", [NOTES, TABLE])
    store.delete(conversation)
    with closing(sqlite3.connect(tmp_path / "nibble.sqlite3")) as connection:
        assert connection.execute("SELECT count(*) FROM attachments").fetchone() == (0,)
