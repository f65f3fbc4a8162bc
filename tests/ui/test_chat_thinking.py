"""Models that think first, in the Chat page: folded above the answer, kept, and switched off by the person."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication

from app.chat import MessageState
from app.storage import DataFolder
from app.ui.pages.chat import ChatPage
from app.ui.window import MainWindow
from tests.helpers.scripted_gguf import THINKING_TEMPLATE, write_scripted_model
from tests.helpers.tiny_gguf import CHATML, write_tiny_model
from tests.ui.conftest import settle

OpenNibble = Callable[..., MainWindow]
PATIENCE_MS = 30_000


@pytest.fixture
def thinker(folder: DataFolder) -> Path:
    """Thinks "Tw." and answers "4!"."""
    return write_scripted_model(
        folder.models / "thinker.gguf", "Tw.</think>4!", chat_template=THINKING_TEMPLATE, name="Thinker"
    )


def chat_with(open_nibble: OpenNibble, model: Path, qtbot) -> ChatPage:
    page = open_nibble().show_page("chat")
    assert isinstance(page, ChatPage)
    page.open_model(model)
    settle(qtbot)
    return page


def ask(qtbot, page: ChatPage, text: str = "Two and two?") -> None:
    page.drawer.samplers.fields["max_tokens"].setValue(60)
    page.composer.set_text(text)
    page.composer.send()
    settle(qtbot)


def stored(page: ChatPage):
    assert page.conversation is not None
    return page.window().services.conversations.messages(page.conversation.id)[-1]


def test_what_the_model_thought_is_folded_above_its_answer(open_nibble, thinker, qtbot):
    page = chat_with(open_nibble, thinker, qtbot)
    ask(qtbot, page)
    (answer,) = page.column.answers()
    assert (answer.prose.text, answer.reasoning.text) == ("4!", "Tw.")
    assert not answer.reasoning.isHidden()
    assert answer.reasoning.head.text().startswith("Thought for ")
    assert not answer.reasoning.is_open
    answer.reasoning.head.click()
    assert answer.reasoning.is_open
    assert answer.reasoning.prose.toPlainText() == "Tw."
    answer.reasoning.head.click()
    assert not answer.reasoning.is_open


def test_copy_takes_the_answer_without_what_was_thought(open_nibble, thinker, qtbot):
    page = chat_with(open_nibble, thinker, qtbot)
    ask(qtbot, page)
    page.column.answers()[0].buttons.copy.click()
    assert QGuiApplication.clipboard().text() == "4!"


def test_what_was_thought_is_there_again_in_a_new_window(open_nibble, thinker, qtbot):
    page = chat_with(open_nibble, thinker, qtbot)
    ask(qtbot, page)
    words = page.column.answers()[0].reasoning.head.text()
    page.window().close()
    page = open_nibble().show_page("chat")
    settle(qtbot)
    (answer,) = page.column.answers()
    assert (answer.prose.text, answer.reasoning.text) == ("4!", "Tw.")
    assert answer.reasoning.head.text() == words


def test_thinking_streams_open_and_is_kept_when_it_is_stopped(open_nibble, folder, qtbot):
    model = write_tiny_model(
        folder.models / "endless.gguf",
        name="Endless",
        context=4096,
        layers=1,
        never_ends=True,
        chat_template=THINKING_TEMPLATE,
    )
    page = chat_with(open_nibble, model, qtbot)
    page.composer.set_text("Think of everything")
    page.composer.send()
    qtbot.waitUntil(lambda: len(page.answering.reasoning) > 40, timeout=PATIENCE_MS)
    live = page.column.live
    assert live is not None
    assert live.reasoning.is_open
    assert live.reasoning.head.text() == "Thinking…"
    assert live.prose.isHidden()
    page.composer.stop_button.click()
    settle(qtbot)
    kept = stored(page)
    (answer,) = page.column.answers()
    assert kept.state is MessageState.STOPPED
    assert (kept.text, kept.reasoning) == ("", answer.reasoning.text)
    assert len(kept.reasoning) > 40
    assert answer.state_line.text == "Stopped"


def test_person_can_close_what_streams_and_it_stays_closed(open_nibble, thinker, qtbot):
    page = chat_with(open_nibble, thinker, qtbot)
    ask(qtbot, page)
    page.column.begin_answer(reasoning="Two")
    live = page.column.live
    assert live is not None
    live.reasoning.head.click()
    live.think(" and two")
    assert not live.reasoning.is_open
    live.append("4")
    assert not live.reasoning.is_open
    assert live.reasoning.text == "Two and two"


def test_thinking_is_switched_off_for_a_conversation(open_nibble, thinker, qtbot):
    page = chat_with(open_nibble, thinker, qtbot)
    settings = page.drawer.thinking
    assert not settings.isHidden()
    assert settings.effort.isHidden()
    settings.switch.setCurrentIndex(settings.switch.findText("Off"))
    settings.switch.activated.emit(settings.switch.currentIndex())
    ask(qtbot, page)
    assert page.conversation.options.thinking is False
    assert stored(page).reasoning == ""
    assert page.column.answers()[0].reasoning.isHidden()
    page.new_chat()
    assert settings.switch.currentText() == "Automatic"
    page.open_conversation(page.list.lines[0].id)
    assert settings.switch.currentText() == "Off"


def test_effort_is_chosen_where_the_template_knows_it(open_nibble, folder, qtbot):
    template = THINKING_TEMPLATE + "{% if reasoning_effort == 'high' %}{{ 'harder\n' * 5 }}{% endif %}"
    model = write_scripted_model(folder.models / "m.gguf", "Tw.</think>4!", chat_template=template)
    page = chat_with(open_nibble, model, qtbot)
    ask(qtbot, page)
    usual = stored(page).statistics.prompt_tokens
    settings = page.drawer.thinking
    assert [settings.effort.itemText(index) for index in range(settings.effort.count())] == [
        "Automatic",
        "Low",
        "Medium",
        "High",
    ]
    settings.effort.setCurrentIndex(3)
    settings.effort.activated.emit(3)
    page.new_chat()
    settings.effort.setCurrentIndex(3)
    settings.effort.activated.emit(3)
    ask(qtbot, page)
    assert stored(page).statistics.prompt_tokens > usual


def test_nothing_is_said_of_thinking_where_the_template_knows_nothing_of_it(open_nibble, folder, qtbot):
    model = write_tiny_model(folder.models / "plain.gguf", chat_template=CHATML, never_ends=True)
    page = chat_with(open_nibble, model, qtbot)
    assert page.drawer.thinking.isHidden()
    ask(qtbot, page)
    assert page.column.answers()[0].reasoning.isHidden()
