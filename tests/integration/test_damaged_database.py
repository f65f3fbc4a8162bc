"""A damaged database, as somebody on a terminal meets it."""

from __future__ import annotations

from pathlib import Path

from app.chat import ConversationStore
from app.runtime import Sampling
from app.storage import data_folder
from tests.helpers.command_line import nibble


def test_command_recovers_a_damaged_database_and_says_so_in_one_line(home: Path) -> None:
    database = data_folder().create().database
    with ConversationStore(database) as store:
        for number in range(3):
            store.add_prompt(store.create(Path("/one.gguf"), Sampling()).id, f"Prompt {number}")
    content = database.read_bytes()
    database.write_bytes(b"\xff" * 4096 + content[4096:])
    listed = nibble("list", "--json")
    assert listed.code == 0
    assert "models" in listed.document
    assert len(listed.err.splitlines()) == 1
    assert "(conversations: 3, messages: 3)" in listed.err
    (kept,) = home.glob("nibble-damaged-*.db")
    assert str(kept) in listed.err
    assert nibble("list").err == ""
    with ConversationStore(database) as store:
        assert {store.messages(one.id)[0].text for one in store.conversations()} == {
            "Prompt 0",
            "Prompt 1",
            "Prompt 2",
        }
