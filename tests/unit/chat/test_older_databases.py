"""Databases of each earlier Nibble, with what people had in them, become ones with branches and search."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from app.chat import ConversationStore, MessageState
from app.runtime import Sampling
from app.storage import migrations, open_database

OLDER = range(1, migrations.MIGRATIONS.index(migrations.branches_of_conversations) + 1)
"""How many migrations a database has seen: all states before messages were a tree."""
DEAD_WRITER = "1:1.0"


@pytest.fixture(params=OLDER)
def path(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two conversations, the first with a prompt that was answered twice, the second with one cut off by a kill."""
    path = tmp_path / "nibble.db"
    with monkeypatch.context() as older:
        older.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[: request.param])
        open_database(path).close()
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            "INSERT INTO conversations (id, title, model_path, system_prompt, sampling, created_at, updated_at)"
            " VALUES (?, ?, '/models/bard.gguf', 'Be brief.', '{\"seed\":3}', ?, ?)",
            [(3, "Who goes there?", 1.0, 5.0), (8, "Crème", 2.0, 4.0)],
        )
        connection.executemany(
            "INSERT INTO messages (id, conversation_id, role, text, state, writer, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (1, 3, "user", "Who goes there?", "complete", None, 1.0),
                (2, 8, "user", "Crème brûlée?", "complete", None, 2.0),
                (3, 3, "assistant", "A fr", "cut_off", None, 3.0),
                (5, 3, "assistant", "A friend.", "complete", None, 4.0),
                (6, 3, "user", "Whose?", "complete", None, 5.0),
                (7, 8, "assistant", "", "streaming", DEAD_WRITER, 6.0),
            ],
        )
        connection.executemany(
            "INSERT INTO message_pieces (message_id, position, text) VALUES (7, ?, ?)",
            [(0, "Take "), (1, "cream")],
        )
    return path


def test_everything_is_still_there_in_its_order(path: Path) -> None:
    with ConversationStore(path) as store:
        assert [(each.id, each.title, each.updated_at) for each in store.conversations()] == [
            (3, "Who goes there?", 5.0),
            (8, "Crème", 4.0),
        ]
        kept = store.conversation(3)
        assert (kept.system_prompt, kept.sampling, kept.created_at) == ("Be brief.", Sampling(seed=3), 1.0)
        assert (kept.title_is_own, kept.is_pinned, kept.archived_at) == (False, False, None)
        messages = store.messages(3)
        assert [each.text for each in messages] == ["Who goes there?", "A fr", "A friend.", "Whose?"]
        assert [each.parent for each in messages] == [None, 1, 3, 5]
        assert [each.siblings for each in messages] == [(1,), (3,), (5,), (6,)]


def test_answer_that_was_being_written_keeps_its_pieces(path: Path) -> None:
    with ConversationStore(path) as store:
        assert store.messages(8)[-1].text == "Take cream"
        store.recover()
        last = store.messages(8)[-1]
    assert (last.text, last.state) == ("Take cream", MessageState.CUT_OFF)


def test_words_from_before_are_found(path: Path) -> None:
    with ConversationStore(path) as store:
        assert [hit.message for hit in store.search("creme")] == [None, 2]
        assert [hit.message for hit in store.search("friend")] == [5]


def test_messages_still_go_with_their_conversation_and_only_with_it(path: Path) -> None:
    with ConversationStore(path) as store:
        store.delete(3)
        assert store.messages(3) == []
        assert len(store.messages(8)) == 2
    with contextlib.closing(open_database(path)) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(
                "INSERT INTO messages (conversation_id, role, state, created_at) VALUES (3, 'user', 'complete', 0)"
            )


def test_number_of_a_conversation_from_before_is_not_given_again(path: Path) -> None:
    with ConversationStore(path) as store:
        store.delete(8)
        assert store.create(Path("/models/bard.gguf"), Sampling()).id == 9
