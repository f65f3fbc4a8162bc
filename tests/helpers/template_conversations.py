"""Conversations for chat templates, as OpenAI's interface and Transformers write them, and as Nibble does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from app.core.errors import TemplateFault
from app.runtime.protocol import ChatMessage, TemplateOptions, ToolCall
from app.runtime.worker.templates import ChatTemplate

BOS, EOS = "<s>", "</s>"
NOW = datetime(2026, 11, 26, 12, 0)
RECORD = Path(__file__).parents[1] / "data" / "chat_templates.json"
REFUSED = "refused"


@dataclass(frozen=True)
class TemplateConversation:
    """`arguments` are further arguments of `apply_chat_template`."""

    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]] | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def nibble_messages(self) -> tuple[ChatMessage, ...]:
        return tuple(
            ChatMessage(
                message["role"],
                message["content"],
                reasoning=message.get("reasoning_content", ""),
                tool_calls=tuple(
                    ToolCall(
                        call["function"]["name"],
                        json.dumps(call["function"]["arguments"], ensure_ascii=False),
                        call.get("id", ""),
                    )
                    for call in message.get("tool_calls", ())
                ),
                tool_name=message.get("name", ""),
                tool_call_id=message.get("tool_call_id", ""),
            )
            for message in self.messages
        )

    def nibble_options(self) -> TemplateOptions:
        arguments = dict(self.arguments)
        thinking = arguments.pop("enable_thinking", None)
        arguments.pop("thinking", None)  # Nibble sets both
        effort = arguments.pop("reasoning_effort", "")
        return TemplateOptions(
            tools=tuple(self.tools or ()), thinking=thinking, reasoning_effort=effort, arguments=arguments
        )


def _system(text: str) -> dict[str, Any]:
    return {"role": "system", "content": text}


def _user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def _assistant(text: str, **others: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **others}


def _call(name: str, arguments: dict[str, Any], identity: str) -> dict[str, Any]:
    return {"type": "function", "id": identity, "function": {"name": name, "arguments": arguments}}


def _result(name: str, text: str, identity: str) -> dict[str, Any]:
    return {"role": "tool", "content": text, "name": name, "tool_call_id": identity}


_WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather at a place now.",
        "parameters": {
            "type": "object",
            "properties": {
                "place": {"type": "string", "description": "City and country"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"},
            },
            "required": ["place"],
        },
    },
}
_BOOK = {
    "type": "function",
    "function": {
        "name": "book_table",
        "description": 'Books a table; "as soon as possible" & <quietly> – über alles',
        "parameters": {
            "type": "object",
            "properties": {
                "guests": {"type": "integer", "description": "How many"},
                "wishes": {"type": "array", "items": {"type": "string"}, "description": "In words"},
                "address": {
                    "type": "object",
                    "description": "Where",
                    "properties": {"street": {"type": "string"}, "number": {"type": "number"}},
                    "required": ["street"],
                },
                "outside": {"type": "boolean"},
            },
            "required": ["guests", "address"],
        },
    },
}
_NOTHING = {
    "type": "function",
    "function": {
        "name": "time_now",
        "description": "The time.",
        "parameters": {"type": "object", "properties": {}},
    },
}
_TOOLS = [_WEATHER, _BOOK, _NOTHING]

_RAIN = _call("get_weather", {"place": "Malmö, Sweden", "unit": "celsius"}, "a1b2c3d4e")
_TABLE = _call(
    "book_table",
    {
        "guests": 4,
        "wishes": ["quiet", 'by the "window"'],
        "address": {"street": "Östra gatan"},
        "outside": False,
    },
    "f5a6b7c8d",
)
_CLOCK = _call("time_now", {}, "e9f0a1b2c")

_TURNS = [_user("What is a nibble?"), _assistant("Four bits."), _user("And two of them?")]
_USING_A_TOOL = [
    _user("Do I need an umbrella in Malmö?"),
    _assistant("", tool_calls=[_RAIN]),
    _result("get_weather", '{"sky": "rain", "degrees": 7}', "a1b2c3d4e"),
]

CONVERSATIONS: dict[str, TemplateConversation] = {
    "question": TemplateConversation([_user("Who are you?")]),
    "system": TemplateConversation([_system("Be brief."), _user("Who are you?")]),
    "turns": TemplateConversation(_TURNS),
    "system-turns": TemplateConversation(
        [_system("Be brief."), *_TURNS, _assistant("A byte."), _user("Thanks!")]
    ),
    "unicode": TemplateConversation(
        [
            _system('„Höflich“ & <b>"kurz"</b>'),
            _user("日本語で 🦆\u200d🔥?\n\n\tél\u0301ève"),
            _assistant("はい 🎉"),
            _user("\u00a0…"),
        ]
    ),
    "white-space": TemplateConversation(
        [_system("\n Be brief. \n"), _user("  Who are you?\n\n"), _assistant("\n\n I.  "), _user("\n")]
    ),
    "empty": TemplateConversation([_system(""), _user(""), _assistant(""), _user("")]),
    "marks": TemplateConversation(
        [
            _user("{{ 7 * 7 }} {% raw %} <|im_end|> [INST] </s>"),
            _assistant("<tool_call> {# no #}"),
            _user("'\\n'"),
        ]
    ),
    "system-in-between": TemplateConversation([*_TURNS[:2], _system("Be brief."), _TURNS[2]]),
    "tools": TemplateConversation([_user("Who are you?")], _TOOLS),
    "tools-system-turns": TemplateConversation([_system("Be brief."), *_TURNS], _TOOLS),
    "tool-result": TemplateConversation(_USING_A_TOOL, _TOOLS),
    "tool-result-system": TemplateConversation([_system("Be brief."), *_USING_A_TOOL], [_WEATHER]),
    "tool-answered": TemplateConversation(
        [*_USING_A_TOOL, _assistant("Yes, it rains."), _user("And now?")], _TOOLS
    ),
    "tool-results": TemplateConversation(
        [
            _user("Rain? And a table for four."),
            _assistant("I shall look.", tool_calls=[_RAIN, _TABLE]),
            _result("get_weather", "rain", "a1b2c3d4e"),
            _result("book_table", "done", "f5a6b7c8d"),
            _assistant("It rains; the table is yours."),
            _user("What time is it?"),
            _assistant("", tool_calls=[_CLOCK]),
            _result("time_now", "12:00", "e9f0a1b2c"),
        ],
        _TOOLS,
    ),
    "tool-without-offer": TemplateConversation([*_USING_A_TOOL, _assistant("It rains."), _user("Thanks!")]),
    "thinking": TemplateConversation(
        [_system("Be brief."), *_TURNS], arguments={"enable_thinking": True, "thinking": True}
    ),
    "not-thinking": TemplateConversation(
        [_system("Be brief."), *_TURNS], arguments={"enable_thinking": False, "thinking": False}
    ),
    "not-thinking-tools": TemplateConversation(
        _USING_A_TOOL, _TOOLS, arguments={"enable_thinking": False, "thinking": False}
    ),
    "effort": TemplateConversation(_TURNS, arguments={"reasoning_effort": "high"}),
    "reasoned": TemplateConversation(
        [_user("2 and 2?"), _assistant("4", reasoning_content="Two and two:\nfour."), _user("And 3?")]
    ),
    "reasoned-thinking": TemplateConversation(
        [_user("2 and 2?"), _assistant("4", reasoning_content="Two and two:\nfour."), _user("And 3?")],
        arguments={"enable_thinking": True, "thinking": True},
    ),
    "reasoned-tool": TemplateConversation(
        [
            _user("Do I need an umbrella in Malmö?"),
            _assistant("", reasoning_content="I cannot know.\nI ask.", tool_calls=[_RAIN]),
            _result("get_weather", "rain", "a1b2c3d4e"),
        ],
        _TOOLS,
    ),
    "reasoned-in-text": TemplateConversation(
        [_user("2 and 2?"), _assistant("<think>\nTwo and two.\n</think>\n\n4"), _user("And 3?")]
    ),
}


def prompt_or_refusal(template: ChatTemplate, conversation: TemplateConversation) -> str:
    try:
        return template.render(
            conversation.nibble_messages(), conversation.nibble_options(), bos_token=BOS, eos_token=EOS
        )
    except TemplateFault:
        return REFUSED


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
