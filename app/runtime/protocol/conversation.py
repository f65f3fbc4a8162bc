"""A conversation as a model is asked to go on with it."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

WhenFull = Literal["stop", "drop_oldest"]


class ToolCall(msgspec.Struct, frozen=True):
    """A model's wish to have the tool `name` used. `arguments` is the text of a JSON object; `id` is empty
    where the model's format has none."""

    name: str
    arguments: str
    id: str = ""


class ChatMessage(msgspec.Struct, frozen=True):
    """One turn. `role` is 'system', 'user', 'assistant' or 'tool'.

    An assistant's may hold its `reasoning`, which the template keeps or drops, and `tool_calls`. A tool's
    holds the result as `content`, with the tool's name and, where the call had one, its id.
    """

    role: str
    content: str
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_name: str = ""
    tool_call_id: str = ""

    @property
    def said(self) -> str:
        """All that is in it, in no template's form: for how much that is."""
        calls = (f"{call.name}{call.arguments}" for call in self.tool_calls)
        return "".join((self.reasoning, self.content, *calls))


class TemplateOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a model's chat template gets beside the messages; one that knows nothing of it ignores it.

    `tools` as OpenAI's interface has them: `{"type": "function", "function": {...}}`. `thinking` None and
    `reasoning_effort` empty: as the template has it by itself. `arguments` are handed on by their names.
    """

    tools: tuple[dict[str, Any], ...] = ()
    thinking: bool | None = None
    reasoning_effort: str = ""
    arguments: dict[str, Any] = {}


class AnswerSoFar(msgspec.Struct, frozen=True):
    """What there is of an answer that was cut, as `Generated` had it. Without any text, the reasoning is not over."""

    text: str
    reasoning: str = ""
