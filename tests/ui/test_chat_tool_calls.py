"""Calls of tools as cards."""

from __future__ import annotations

from PySide6.QtGui import QGuiApplication

from app.chat import ConversationStore
from app.runtime import Sampling, TemplateOptions, ToolCall
from app.ui.pages.chat_tool_calls import AT_ONCE, ToolCallCard, ToolCallCards
from tests.helpers.scripted_gguf import write_calling_model
from tests.ui.conftest import settle


def shown(qtbot, call: ToolCall) -> ToolCallCard:
    card = ToolCallCard(call)
    qtbot.addWidget(card)
    card.show()
    return card


def test_card_names_the_tool_and_unfolds_what_it_is_called_with(qtbot):
    card = shown(qtbot, ToolCall("get_weather", '{"city":"Łódź","days":[1,2]}'))
    assert "get_weather" in card.head.text()
    assert not card.is_open
    card.head.click()
    assert card.is_open
    assert '"city": "Łódź"' in card.text
    assert len(card.text.split("\n")) > 3
    card.head.click()
    assert not card.is_open


def test_hostile_call_is_shown_to_the_letter(qtbot):
    card = shown(qtbot, ToolCall("&x\u202e" * 1_000, "`" * 50 + "\n# <b>no JSON</b> \u202e"))
    assert len(card.head.text()) < 250
    assert "\u202e" not in card.head.text()
    card.head.click()
    assert card.text == "`" * 50 + "\n# <b>no JSON</b> [U+202E]"


def test_arguments_of_a_megabyte_are_shown_in_part_and_copied_whole(qtbot):
    arguments = '{"text": "' + "word " * 200_000 + '"}'
    card = shown(qtbot, ToolCall("write_file", arguments))
    card.head.click()
    qtbot.waitUntil(lambda: len(card.text) > 10_000)  # it is laid out in slices
    qtbot.wait(100)
    assert len(card.text) < 30_000
    card.copy.click()
    assert QGuiApplication.clipboard().text() == arguments


def test_thousands_of_calls_are_shown_a_few_at_a_time(qtbot):
    cards = ToolCallCards()
    qtbot.addWidget(cards)
    calls = [ToolCall("f", f'{{"n": {n}}}') for n in range(5_000)]
    cards.show_calls(calls)
    cards.show()
    assert len(cards.cards) == AT_ONCE
    cards.more.click()
    assert len(cards.cards) == 2 * AT_ONCE
    assert "4,980" in cards.more.text()


def test_call_stands_with_its_answer_and_is_there_again_in_a_new_window(open_nibble, folder, qtbot):
    path = write_calling_model(folder.models / "caller.gguf")
    offered = TemplateOptions(tools=({"type": "function", "function": {"name": "go", "parameters": {}}},))
    with ConversationStore(folder.database) as store:
        conversation = store.create(path, Sampling(temperature=0, max_tokens=60), options=offered)
        store.add_prompt(conversation.id, "Hello")
    page = open_nibble().show_page("chat")
    settle(qtbot)
    page.composer.set_text("Go!")
    page.composer.send()
    settle(qtbot)
    for _ in range(2):
        answer = page.column.answers()[-1]
        (card,) = answer.tool_calls.cards
        assert not answer.tool_calls.isHidden()
        assert answer.prose.isHidden()
        assert card.head.text() == "Asks for the tool go"
        card.head.click()
        assert card.text == "{}"
        page.window().close()
        page = open_nibble().show_page("chat")
        settle(qtbot)
