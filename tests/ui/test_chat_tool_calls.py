"""Calls of tools as cards."""

from __future__ import annotations

from app.runtime.protocol import ToolCall
from app.ui.pages.chat_tool_calls import ToolCallCard


def test_card_names_the_tool_and_unfolds_what_it_is_called_with(qtbot):
    card = ToolCallCard(ToolCall("get_weather", '{"city":"Łódź","days":[1,2]}'))
    qtbot.addWidget(card)
    card.show()
    assert "get_weather" in card.head.text()
    assert card.arguments.isHidden()
    card.head.click()
    words = card.arguments.toPlainText()
    assert '"city": "Łódź"' in words
    assert len(words.split("\n")) > 3
    card.head.click()
    assert card.arguments.isHidden()


def test_hostile_call_is_shown_to_the_letter(qtbot):
    card = ToolCallCard(ToolCall("x" * 1_000, "```\n# <b>no JSON</b> \u202e"))
    qtbot.addWidget(card)
    card.show()
    assert len(card.head.text()) < 150
    card.head.click()
    assert card.arguments.toPlainText() == "```\n# <b>no JSON</b> [U+202E]"
