"""What was begun to be written is there again, whatever happened."""

from __future__ import annotations

import pytest

from app.chat import ConversationStore
from tests.ui.conftest import settle
from tests.ui.test_chat_page import ask, page_of


def test_drafts_stay_with_their_conversations_over_a_restart(chat, open_nibble, qtbot):
    ask(chat, "First", max_tokens=2)
    settle(qtbot)
    first = chat.conversation.id
    chat.composer.set_text("half a thought")
    chat.new_chat()
    assert chat.composer.text == ""
    chat.composer.set_text("another beginning")
    chat.open_conversation(first)
    assert chat.composer.text == "half a thought"
    chat.window().close()
    page = page_of(open_nibble())
    page.open_conversation(first)
    assert page.composer.text == "half a thought"
    page.new_chat()
    assert page.composer.text == "another beginning"


def test_draft_is_kept_when_typing_rests_and_gone_when_it_is_sent(chat, qtbot):
    store = chat.window().services.conversations
    chat.composer.set_text("half a thought")
    qtbot.waitUntil(lambda: store.draft(None) == "half a thought")
    ask(chat, "half a thought", max_tokens=2)
    assert store.draft(None) == ""
    settle(qtbot)
    chat.composer.set_text("and more")
    qtbot.waitUntil(lambda: store.draft(chat.conversation.id) == "and more")
    store.delete(chat.conversation.id)
    assert store.draft(chat.conversation.id) == ""


@pytest.fixture
def notes(tmp_path):
    path = tmp_path / "notes.md"
    path.write_text("# Notes\n\nBuy milk.\n")
    return path


def attached(page):
    return [
        (entry.name, entry.attachment.text if entry.attachment else None)
        for entry in page.composer.attaching.entries
    ]


def test_files_stay_with_their_conversations_over_a_restart(chat, open_nibble, notes, qtbot):
    ask(chat, "First", max_tokens=2)
    settle(qtbot)
    first = chat.conversation.id
    chat.composer.attaching.add_files([notes])
    chat.composer.attaching.add_text("pasted words\n" * 40)
    chat.new_chat()
    assert attached(chat) == []
    notes.with_name("other.txt").write_text("Other.")
    chat.composer.attaching.add_files([notes.with_name("other.txt")])
    settle(qtbot)
    notes.unlink()  # what was read is kept, wherever it came from
    chat.window().close()
    page = page_of(open_nibble())
    page.new_chat()
    assert attached(page) == [("other.txt", "Other.")]
    page.open_conversation(first)
    assert attached(page) == [("notes.md", "# Notes\n\nBuy milk.\n"), ("pasted.txt", "pasted words\n" * 40)]
    assert page.composer.attaching.entries[1].pasted == "pasted words\n" * 40
    page.new_chat()
    page.open_conversation(first)
    assert len(attached(page)) == 2
    settle(qtbot)


def test_file_is_kept_when_it_is_read_and_gone_when_it_is_removed_or_sent(chat, notes, folder, qtbot):
    attaching = chat.composer.attaching
    attaching.add_files([notes, notes])
    settle(qtbot)
    with ConversationStore(folder.database) as other:  # as the next start would find it after a kill
        assert [each.attachment.head.name for each in other.draft_attachments(None)] == ["notes.md"] * 2
        attaching.remove(attaching.entries[0].number)
        assert len(other.draft_attachments(None)) == 1
        ask(chat, "Read this", max_tokens=2)
        settle(qtbot)
        assert other.draft_attachments(None) == other.draft_attachments(chat.conversation.id) == []
        assert [each.name for each in other.messages(chat.conversation.id)[0].attachments] == ["notes.md"]


def test_shortened_file_is_kept_as_it_is_now(chat, tmp_path, folder, qtbot):
    long = tmp_path / "long.txt"
    long.write_text("word " * 2000)
    attaching = chat.composer.attaching
    attaching.add_files([long])
    settle(qtbot)
    attaching.shorten(attaching.entries[0].number, 500)
    settle(qtbot)
    with ConversationStore(folder.database) as other:
        (kept,) = other.draft_attachments(None)
    assert kept.attachment.text == attaching.entries[0].attachment.text
    assert len(kept.attachment.text) < 10_000
    assert kept.attachment.head.remark.startswith("Only the first")


def test_files_of_a_draft_go_with_their_conversation(chat, notes, qtbot):
    ask(chat, "First", max_tokens=2)
    settle(qtbot)
    chat.composer.attaching.add_files([notes])
    settle(qtbot)
    store, identity = chat.window().services.conversations, chat.conversation.id
    assert len(store.draft_attachments(identity)) == 1
    store.delete(identity)
    assert store.draft_attachments(identity) == []
