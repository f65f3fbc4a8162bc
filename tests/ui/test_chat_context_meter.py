"""The context meter and the figures of answers, with a model that really answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from app.chat.context_use import SHARE_LEFT_OUT
from app.storage import DataFolder, load_settings
from app.ui.pages.chat import ChatPage
from app.ui.window import MainWindow
from tests.helpers.tiny_gguf import CHATML, write_tiny_model
from tests.ui.conftest import settle

OpenNibble = Callable[..., MainWindow]


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
    page = open_nibble().show_page("chat")
    assert isinstance(page, ChatPage)
    page.open_model(short)
    settle(qtbot)
    page.meter.head.click()
    return page


def ask(qtbot, page: ChatPage) -> None:
    page.drawer.samplers.fields["max_tokens"].setValue(8)
    page.composer.set_text("hello world " * 6)
    page.composer.send()
    settle(qtbot)


def figures(page: ChatPage):
    assert page.conversation is not None
    return page.window().services.conversations.messages(page.conversation.id)[-1].statistics


def test_share_is_the_worker_s():
    prompting = Path(__file__).parents[2] / "app/runtime/worker/prompting.py"
    assert f"ROOM_FOR_ANSWER = 1 / {round(1 / SHARE_LEFT_OUT)}\n" in prompting.read_text(encoding="utf-8")


def test_meter_counts_what_the_model_counted_and_warns_before_it_is_full(chat, qtbot):
    assert "0 of 256 tokens, 256 left" in chat.meter.text
    ask(qtbot, chat)
    used = figures(chat).prompt_tokens + figures(chat).tokens
    assert f"Context: {used} of 256 tokens, {256 - used} left" in chat.meter.text
    assert "Kept for the answer: 8 tokens" in chat.meter.text
    assert "the chat stops and says so" in chat.meter.text
    assert "nearly full" not in chat.meter.text
    chat.meter.show_draft_tokens(220 - used)
    assert "nearly full" in chat.meter.text
    chat.meter.show_draft_tokens(256)
    assert "would not be answered" in chat.meter.text
    identity = chat.conversation.id
    chat.new_chat()
    assert "0 of 256 tokens" in chat.meter.text
    chat.open_conversation(identity)
    assert f"{used} of 256 tokens" in chat.meter.text


def test_meter_tells_what_goes_before_it_goes(chat, qtbot):
    chat.drawer.full_context.show_choice("drop_oldest")
    chat.drawer.full_context.changed.emit("drop_oldest")
    for _ in range(8):
        ask(qtbot, chat)
        if figures(chat).dropped_messages:
            break
        told = chat.meter.text
    gone = figures(chat).dropped_messages
    assert gone > 0
    assert f"the first {gone} messages will be left out" in told
    assert f"no longer gets the first {gone} messages" in chat.meter.text


def test_fold_of_the_figures_is_remembered(chat, folder, open_nibble, qtbot):
    ask(qtbot, chat)
    (first,) = chat.column.answers()
    assert not first.statistics.is_open
    first.statistics.head.click()
    ask(qtbot, chat)
    assert chat.column.answers()[-1].statistics.is_open
    settle(qtbot)
    assert load_settings(folder.settings).statistics_open
    first.statistics.head.click()
    settle(qtbot)
    assert chat.column.answers()[-1].statistics.is_open, "each answer has its own"
    assert not load_settings(folder.settings).statistics_open
