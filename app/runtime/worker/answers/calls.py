"""Notations of calls, each read into names and JSON arguments; an empty list where the text is not in it."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

from app.runtime.protocol import ToolCall
from app.runtime.worker.answers.marked import Tools
from app.runtime.worker.answers.values import MOST_LITERAL_CHARACTERS, decoded, encoded, json_object

_NAMES = ("name", "tool_name", "function")
_ARGUMENTS = ("arguments", "parameters")
_IDS = ("id", "tool_call_id")


def json_calls(text: str, tools: Tools) -> list[ToolCall]:
    """One object `{"name": ..., "arguments": {...}}`, a list of them, or several in a row. Firefunction names
    a Python module before its list."""
    decoder = json.JSONDecoder()
    text, position, found = text.strip().removeprefix("functools"), 0, list[Any]()
    while position < len(text):
        try:
            value, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            return []
        found += value if isinstance(value, list) else [value]
        while position < len(text) and text[position] in " \t\r\n,;":
            position += 1
    calls = [_from_json(value) for value in found]
    return [call for call in calls if call] if all(calls) else []


def keyed_calls(text: str, tools: Tools) -> list[ToolCall]:
    """Apertus: `[{"get_weather": {"place": "Malmö"}}]`."""
    values = decoded(text.strip())
    if not isinstance(values, list) or not all(
        isinstance(value, dict) and len(value) == 1 for value in values
    ):
        return []
    pairs = [next(iter(value.items())) for value in values]
    if not all(isinstance(arguments, dict) for _, arguments in pairs):
        return []
    return [ToolCall(name, encoded(arguments)) for name, arguments in pairs]


def separated_calls(pattern: str) -> Any:
    """Families that write each call as a name and a JSON object between marks: `pattern` finds the `head` of
    one, with its `name` and perhaps `id`, and `json` follows."""
    heads = re.compile(pattern, re.DOTALL)

    def parse(text: str, tools: Tools) -> list[ToolCall]:
        calls, position = list[ToolCall](), 0
        decoder = json.JSONDecoder()
        while match := heads.search(text, position):
            groups = match.groupdict()
            try:
                value, position = decoder.raw_decode(text, match.end())
            except (ValueError, RecursionError):
                return []
            if not isinstance(value, dict) or not groups["name"]:
                return []
            calls.append(ToolCall(groups["name"], text[match.end() : position], groups.get("id") or ""))
        return calls

    return parse


def mistral_calls(text: str, tools: Tools) -> list[ToolCall]:
    """`[TOOL_CALLS]` before a list of objects, or before each name with `[ARGS]` and an object."""
    listed = text.removeprefix("[TOOL_CALLS]")
    return json_calls(listed, tools) if listed.lstrip().startswith("[{") else _mistral_named(text, tools)


_mistral_named = separated_calls(
    r"\[TOOL_CALLS\]\s*(?P<name>[^\[\]\s{]+)\s*(?:\[CALL_ID\](?P<id>[^\[\]\s]+))?\s*(?:\[ARGS\])?\s*(?=\{)"
)


def python_calls(text: str, tools: Tools) -> list[ToolCall]:
    """LFM2: `[get_weather(place='Malmö', days=2)]`, or JSON."""
    if json_found := json_calls(text, tools):
        return json_found
    text = text.strip()
    if len(text) > MOST_LITERAL_CHARACTERS:
        return []
    try:
        tree = ast.parse(text, mode="eval").body
        nodes = tree.elts if isinstance(tree, ast.List) else [tree]
        if not all(isinstance(node, ast.Call) and not node.args for node in nodes):
            return []
        return [
            ToolCall(
                ast.unparse(node.func),
                encoded({word.arg: _literal(word.value) for word in node.keywords if word.arg}),
            )
            for node in nodes
            if isinstance(node, ast.Call)
        ]
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return []


def _literal(node: ast.expr) -> Any:
    names = {"true": True, "false": False, "null": None}
    if isinstance(node, ast.Name) and node.id in names:
        return names[node.id]
    return ast.literal_eval(node)


_GEMMA_CALL = re.compile(r"\s*call:([\w.\-]+)(\{.*\})\s*", re.DOTALL)
_GEMMA_KEY = re.compile(r"(?<![\w.\-])([\w.\-]+)\s*:")
_GEMMA_QUOTE = '<|"|>'


def gemma_calls(text: str, tools: Tools) -> list[ToolCall]:
    """Gemma 4: `call:get_weather{place:<|"|>Malmö<|"|>,days:2}`, JSON with bare keys and quotes of its own."""
    match = _GEMMA_CALL.fullmatch(text)
    if match is None:
        return []
    parts = match[2].split(_GEMMA_QUOTE)
    if len(parts) % 2 == 0:
        return []
    # Outside strings, what stands before a colon is a key.
    for index in range(0, len(parts), 2):
        parts[index] = _GEMMA_KEY.sub(r'"\1":', parts[index])
    for index in range(1, len(parts), 2):
        parts[index] = json.dumps(parts[index], ensure_ascii=False)
    arguments = json_object("".join(parts))
    return [ToolCall(match[1], arguments)] if arguments is not None else []


def _from_json(value: Any) -> ToolCall | None:
    if not isinstance(value, dict):
        return None
    if isinstance(value.get("function"), dict):  # as OpenAI's interface has it
        value = {**value, **value["function"], "function": None}
    name = next((value[key] for key in _NAMES if isinstance(value.get(key), str)), "")
    arguments: Any = next((value[key] for key in _ARGUMENTS if key in value), {})
    if isinstance(arguments, str):
        arguments = decoded(arguments)
    identity = next((str(value[key]) for key in _IDS if key in value), "")
    return ToolCall(name, encoded(arguments), identity) if name and isinstance(arguments, dict) else None
