"""A chat that outgrows the context, in the window: it stops or goes on without its oldest turns, as was chosen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from app.core.errors import PromptTooLong
from app.storage import DataFolder
from app.ui.pages.chat import ChatPage
from app.ui.window import MainWindow
from tests.helpers.tiny_gguf import CHATML, write_tiny_model
from tests.ui.conftest import settle

OpenNibble = Callable[..., MainWindow]

WORDS = "hello world " * 20
"""So much that the tiny model's context, of 256 tokens, has no room for two turns that begin with it."""


@pytest.fixture
def short(folder: DataFolder) -> Path:
    return write_tiny_model(
        folder.models / "short.gguf",
        name="Short",
        context=256,
        layers=1,
        never_ends=True,
        chat_template=CHATML,
    )


@pytest.fixture
def chat(open_nibble: OpenNibble, short: Path, qtbot) -> ChatPage:
    return chat_with(open_nibble, short, qtbot)


def chat_with(open_nibble: OpenNibble, model: Path, qtbot) -> ChatPage:
    page = open_nibble().show_page("chat")
    assert isinstance(page, ChatPage)
    page.open_model(model)
    settle(qtbot)
    return page


def ask(qtbot, page: ChatPage, text: str = WORDS) -> None:
    page.drawer.samplers.fields["max_tokens"].setValue(8)
    page.composer.set_text(text)
    page.composer.send()
    settle(qtbot)


def choose(page: ChatPage, words: str) -> None:
    field = page.drawer.full_context.field
    field.setCurrentIndex(field.findText(words))
    field.activated.emit(field.currentIndex())


def fill(qtbot, page: ChatPage) -> None:
    """Asks until the context is full."""
    for _ in range(4):
        ask(qtbot, page)
        if page.column.fault_card() is not None:
            return
    raise AssertionError("four prompts of this length do not fit")


def stored(page: ChatPage):
    assert page.conversation is not None
    return page.window().services.conversations.messages(page.conversation.id)


def left_out_lines(page: ChatPage) -> list[str]:
    """What is said above each answer, "" where nothing is."""
    return ["" if answer.left_out.isHidden() else answer.left_out.text for answer in page.column.answers()]


def test_full_context_stops_the_chat_unless_another_way_was_chosen(chat, qtbot):
    assert chat.drawer.full_context.field.currentText() == "Stop and say so"
    fill(qtbot, chat)
    card = chat.column.fault_card()
    assert isinstance(card.fault, PromptTooLong)
    assert "256 tokens" in card.fault.message
    assert [button.text() for button in card.buttons] == [
        "Leave out the oldest turns",
        "Try again",
    ]
    assert stored(chat)[-1].role == "user"
    assert not any(left_out_lines(chat))


def test_button_on_the_card_chooses_to_leave_out_the_oldest_turns_and_answers(chat, qtbot):
    fill(qtbot, chat)
    asked = len(stored(chat))
    chat.column.fault_card().buttons[0].click()
    settle(qtbot)
    assert chat.column.fault_card() is None
    messages = stored(chat)
    assert len(messages) == asked + 1
    dropped = messages[-1].statistics.dropped_messages
    assert dropped > 0
    assert dropped % 2 == 0  # a turn is a prompt and its answer
    *before, last = left_out_lines(chat)
    assert not any(before)
    assert last == f"The first {dropped} messages are no longer given to the model: the context is full."
    assert chat.drawer.full_context.field.currentText() == "Leave out the oldest turns"
    ask(qtbot, chat)  # and it stays so
    assert chat.column.fault_card() is None


def test_turns_are_left_out_where_that_was_chosen_and_it_is_told_when_it_changes(chat, qtbot):
    choose(chat, "Leave out the oldest turns")
    for _ in range(6):
        ask(qtbot, chat)
    assert chat.column.fault_card() is None
    counts = [message.statistics.dropped_messages for message in stored(chat) if message.role == "assistant"]
    assert counts[0] == 0 < counts[1]
    ask(qtbot, chat, "hello")  # so short that no more need be left out
    counts.append(stored(chat)[-1].statistics.dropped_messages)
    assert counts[-1] == counts[-2]
    for before, now, line in zip([0, *counts[:-1]], counts, left_out_lines(chat), strict=True):
        assert (f"The first {now} messages" in line) if now != before else not line
    last = chat.column.answers()[-1]
    last.statistics.head.click()
    assert f"The first {counts[-1]} messages" in last.statistics.text


def test_what_was_chosen_and_left_out_is_there_again_in_a_new_window(open_nibble, short, qtbot):
    page = chat_with(open_nibble, short, qtbot)
    choose(page, "Leave out the oldest turns")
    for _ in range(4):
        ask(qtbot, page)
    told = left_out_lines(page)
    assert any(told)
    page.window().close()
    page = open_nibble().show_page("chat")
    settle(qtbot)
    assert left_out_lines(page) == told
    assert page.drawer.full_context.field.currentText() == "Leave out the oldest turns"
    page.new_chat()
    assert page.drawer.full_context.field.currentText() == "Stop and say so"


def test_turns_left_out_are_told_while_the_answer_comes_also_after_looking_elsewhere(chat, qtbot):
    choose(chat, "Leave out the oldest turns")
    for _ in range(3):
        ask(qtbot, chat)
    identity = chat.conversation.id
    chat.drawer.samplers.fields["max_tokens"].setValue(0)  # until the context is full
    chat.composer.set_text(WORDS)
    seen: list[str] = []

    def look() -> None:
        if chat.column.live is not None and not seen:
            seen.append(chat.column.live.left_out.text)
            chat.new_chat()
            chat.open_conversation(identity)
            seen.append(chat.column.live.left_out.text)

    chat.answering.arrived.connect(look)
    chat.composer.send()
    settle(qtbot)
    first, again = seen
    assert first == again
    assert first.startswith("The first ")
    assert left_out_lines(chat)[-1] == first


def test_prompt_that_is_too_long_by_itself_is_not_to_be_helped_by_leaving_out_turns(chat, qtbot):
    ask(qtbot, chat, "hello " * 400)
    card = chat.column.fault_card()
    assert isinstance(card.fault, PromptTooLong)
    assert [button.text() for button in card.buttons] == ["Try again", "New chat"]


def test_choice_belongs_to_the_conversation_that_is_open(chat, qtbot):
    ask(qtbot, chat, "hello")
    choose(chat, "Leave out the oldest turns")
    identity = chat.conversation.id
    store = chat.window().services.conversations
    assert store.conversation(identity).when_full == "drop_oldest"
    chat.new_chat()
    assert chat.drawer.full_context.choice == "stop"
    ask(qtbot, chat, "world")
    assert store.conversation(chat.conversation.id).when_full == "stop"
    chat.open_conversation(identity)
    assert chat.drawer.full_context.choice == "drop_oldest"
