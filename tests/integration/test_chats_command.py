"""`nibble chats` as a person and a script use it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.chat import ConversationStore
from app.runtime import Sampling
from app.storage import data_folder
from tests.helpers.command_line import nibble


@pytest.fixture
def kept(home: Path) -> list[int]:
    """Three conversations, the last of them archived."""
    with ConversationStore(data_folder().create().database) as store:
        ids = []
        for number in range(3):
            conversation = store.create(Path("/one.gguf"), Sampling())
            store.add_prompt(conversation.id, f"Prompt {number} \x1b[31m[red]")
            ids.append(conversation.id)
        store.archive(ids[2])
        return ids


def test_list_tells_numbers_and_titles(kept: list[int]) -> None:
    told = nibble("chats", "list", "--json").document["conversations"]
    assert [each["id"] for each in told] == [kept[1], kept[0]]
    shown = nibble("chats", "list")
    assert "Prompt 1" in shown.out
    assert "\x1b" not in shown.out
    archived = nibble("chats", "list", "--archived", "--json").document["conversations"]
    assert [each["id"] for each in archived] == [kept[2]]


def test_export_writes_those_that_were_named_or_all(kept: list[int], tmp_path: Path) -> None:
    assert nibble("chats", "export", kept[0]).out.count("Prompt") == 2  # its title and its message
    page = tmp_path / "all.html"
    done = nibble("chats", "export", "--out", page, "--json")
    assert done.document == {"file": str(page), "format": "html", "conversations": 3}
    assert "Prompt 2" in page.read_text(encoding="utf-8")
    document = nibble("chats", "export", kept[1], "--json").document
    assert document["conversations"][0]["messages"][0]["text"] == "Prompt 1 \x1b[31m[red]"
    out = nibble("chats", "export", "--format", "json").out
    assert len(json.loads(out)["conversations"]) == 3


def test_what_cannot_be_exported_is_refused_in_a_sentence(kept: list[int], tmp_path: Path) -> None:
    nibble("chats", "export", 77).assert_refused("no conversation 77")
    nibble("chats", "export", "--out", tmp_path / "all.pdf").assert_refused("all.pdf")
    nibble("chats", "export", "--out", tmp_path / "none" / "all.md").assert_refused("none")
    assert nibble("chats").code == 2


def test_list_without_a_conversation_says_so(home: Path) -> None:
    assert "No conversations yet" in nibble("chats", "list").out
    assert nibble("chats", "list", "--json").document == {"conversations": []}


def test_search_finds_what_was_said_archived_or_not(kept: list[int]) -> None:
    hits = nibble("chats", "search", "prompt", "--json").document["hits"]
    assert {each["conversation"] for each in hits if each["place"] == "text"} == set(kept)
    assert "\x1b" not in nibble("chats", "search", "prompt").out
    assert nibble("chats", "search", "zebra", "--json").document["hits"] == []
