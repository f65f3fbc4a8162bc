"""What was begun to be written is there again, whatever happened."""

from __future__ import annotations

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
