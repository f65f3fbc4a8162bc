"""Calls of tools that a model asked for: as they are kept, and as people read them. What a model wrote is hostile:
arguments may be no JSON at all, megabytes long, or brackets in brackets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate

import msgspec

from app.documents import shown_name
from app.runtime import ToolCall

MOST_LAID_OUT = 200_000
"""Characters of arguments that get a line for each entry."""
_MOST_DEEP = 20
"""Each line is indented by two spaces a level: in deep ones the white space would be thousands of times what it
surrounds."""
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


def encoded_calls(calls: Sequence[ToolCall]) -> str:
    """Nothing for none."""
    return msgspec.json.encode(calls).decode() if calls else ""


def decoded_calls(document: str) -> tuple[ToolCall, ...]:
    """None for what another version of Nibble wrote in a form this one does not know."""
    try:
        return msgspec.json.decode(document, type=tuple[ToolCall, ...]) if document else ()
    except msgspec.DecodeError:
        return ()


def all_calls(before: Sequence[ToolCall], after: Sequence[ToolCall]) -> tuple[ToolCall, ...]:
    """Of an answer that went on: where the runtime found how the model had written its beginning, it tells the calls in
    that, too."""
    first = tuple(after[: len(before)])
    return tuple(after) if first == tuple(before) else (*before, *after)


def name_of(call: ToolCall) -> str:
    """On one line, short, and in the order in which it is read."""
    return shown_name(call.name)


def readable_arguments(call: ToolCall) -> str:
    """A line for each entry, numbers and repeated names as the model wrote them; what is no JSON as it is."""
    text = call.arguments
    if len(text) > MOST_LAID_OUT or _depth(text) > _MOST_DEEP:
        return text
    try:
        return msgspec.json.format(text.encode(), indent=2).decode()
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return text


def _depth(text: str) -> int:
    brackets = re.sub(r"[^\[\]{}]", "", _STRING.sub("", text))
    return max(accumulate(1 if each in "[{" else -1 for each in brackets), default=0)
