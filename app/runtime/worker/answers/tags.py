"""Notations of calls in tags, as XML has them or nearly so. Values carry no types there, but the tool's schema does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from app.runtime.protocol import ToolCall
from app.runtime.worker.answers.calls import json_calls
from app.runtime.worker.answers.marked import Tools
from app.runtime.worker.answers.values import encoded, json_object, properties_of, typed


def tagged_calls(text: str, tools: Tools) -> list[ToolCall]:
    """What stands in Hermes' `<tool_call>`: its JSON, or the tags of Qwen3-Coder or GLM."""
    if text.lstrip().startswith(("{", "[")):
        return json_calls(text, tools)
    return xml_calls(text, tools) or _glm_call(text, tools)


_INVOCATION = re.compile(
    r"<(?P<space>[｜\w:]*?)(?P<tag>function|invoke)(?:=| name=)\"?(?P<name>[^\s\">=]+)\"?>"
)
_PARAMETER = re.compile(
    r"<(?P<space>[｜\w:]*?)(?P<tag>parameter|param)(?:=| name=)\"?(?P<name>[^\s\">=]+)\"?"
    r"(?: string=\"(?P<string>\w+)\")?>"
)


def xml_calls(text: str, tools: Tools) -> list[ToolCall]:
    """`<function=NAME><parameter=KEY>VALUE</parameter></function>` and its relatives, of which DeepSeek's tell
    whether a value is a string. Functionary has JSON in place of the parameters."""
    calls = []
    for call, body in _elements(_INVOCATION, text):
        given = json_object(body) if body.lstrip().startswith("{") else None
        if given is None:
            properties = properties_of(tools, call["name"])
            given = encoded(
                {
                    one["name"]: typed(value, properties.get(one["name"], {}), one["string"])
                    for one, value in _elements(_PARAMETER, body)
                }
            )
        calls.append(ToolCall(call["name"], given))
    return calls


def _elements(head: re.Pattern[str], text: str) -> Iterator[tuple[re.Match[str], str]]:
    """Each element that begins with `head` and what is in it, up to the first that is not closed."""
    position = 0
    while match := head.search(text, position):
        close = f"</{match['space']}{match['tag']}>"
        end = text.find(close, match.end())
        if end < 0:
            return
        yield match, text[match.end() : end]
        position = end + len(close)


_GLM_NAME = re.compile(r"\s*([\w.:\-]+?)(?:<tool_sep[^>]*>)?\s*(?=<arg_key|$)")
_GLM_KEY = re.compile(r"<(?P<space>)(?P<tag>arg_key(?::\w+)?)>")
_GLM_VALUE = re.compile(r"<(?P<space>)(?P<tag>arg_value(?::\w+)?)>")


def _glm_call(text: str, tools: Tools) -> list[ToolCall]:
    """`NAME<arg_key>KEY</arg_key><arg_value>VALUE</arg_value>`."""
    match = _GLM_NAME.match(text.rstrip())
    if match is None:
        return []
    properties = properties_of(tools, match[1])
    keys = (key.strip() for _, key in _elements(_GLM_KEY, text))
    values = (value for _, value in _elements(_GLM_VALUE, text))
    arguments = {key: typed(value, properties.get(key, {})) for key, value in zip(keys, values, strict=False)}
    return [ToolCall(match[1], encoded(arguments))]


_HUNYUAN_CALL = re.compile(r"<(?P<space>)(?P<tag>tool_call(?::\w+)?)>")


def listed_tagged_calls(text: str, tools: Tools) -> list[ToolCall]:
    """Hunyuan: several `<tool_call>` in one mark."""
    return [call for _, body in _elements(_HUNYUAN_CALL, text) for call in _glm_call(body, tools)]


_MINIMAX_INVOCATION = re.compile(r"<(?P<space>)(?P<tag>invoke) name=\"(?P<name>[^\"]+)\">")
_MINIMAX_ARGUMENT = re.compile(r"<([\w.\-]+)>")
_MOST_LEVELS = 16


def minimax_calls(text: str, tools: Tools) -> list[ToolCall]:
    """MiniMax M3: each argument in a tag of its own name, nested ones in nested tags, items in `<item>`."""
    calls = []
    for call, body in _elements(_MINIMAX_INVOCATION, text.replace("]<]minimax[>[", "")):
        properties = properties_of(tools, call["name"])
        arguments = {key: _nested(value, properties.get(key, {})) for key, value in _children(body)}
        calls.append(ToolCall(call["name"], encoded(arguments)))
    return calls


def _children(text: str) -> Iterator[tuple[str, str]]:
    """The elements at the top of `text`: name and content, up to the first that is not closed."""
    position = 0
    while match := _MINIMAX_ARGUMENT.search(text, position):
        depth = 1
        for tag in re.compile(rf"<(/?){re.escape(match[1])}>").finditer(text, match.end()):
            depth += -1 if tag[1] else 1
            if depth == 0:
                yield match[1], text[match.end() : tag.start()]
                position = tag.end()
                break
        else:
            return


def _nested(text: str, schema: Mapping[str, Any], level: int = 0) -> Any:
    children = list(_children(text)) if text.lstrip().startswith("<") and level < _MOST_LEVELS else []
    if not children:
        return typed(text, schema)
    if all(name == "item" for name, _ in children):
        items = schema.get("items")
        return [
            _nested(content, items if isinstance(items, dict) else {}, level + 1) for _, content in children
        ]
    properties = schema.get("properties")
    known = properties if isinstance(properties, dict) else {}
    return {name: _nested(content, known.get(name) or {}, level + 1) for name, content in children}


_KIMI_ELEMENT = re.compile(r"<\|open\|>(?P<tag>call|argument) (?P<attributes>[^<]*)<\|sep\|>")


def kimi_calls(text: str, tools: Tools) -> list[ToolCall]:
    """Kimi K3: calls and arguments as elements, which tell their types."""
    calls = list[tuple[str, dict[str, Any]]]()
    for match in _KIMI_ELEMENT.finditer(text):
        attributes = dict(re.findall(r"(\w+)=\"([^\"]*)\"", match["attributes"]))
        if match["tag"] == "call":
            calls.append((attributes.get("tool", ""), {}))
        elif calls and (end := text.find("<|close|>argument<|sep|>", match.end())) >= 0:
            value = typed(text[match.end() : end], {"type": attributes.get("type", "")})
            calls[-1][1][attributes.get("key", "")] = value
    return [ToolCall(name, encoded(arguments)) for name, arguments in calls if name]
