"""Values of arguments: from text to JSON."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from typing import Any

from app.runtime.worker.answers.marked import Tools

MOST_LITERAL_CHARACTERS = 20_000
"""Of a call in Python's notation: Python's parser needs much memory for more."""

NOTHING = object()


def json_object(text: str) -> str | None:
    """`text` where it is a JSON object; None otherwise."""
    text = text.strip()
    return text if isinstance(decoded(text), dict) else None


def properties_of(tools: Tools, name: str) -> Mapping[str, Any]:
    """The schema of each argument of the tool `name`."""
    properties = tools.get(name, {}).get("properties")
    if not isinstance(properties, dict):
        return {}
    return {key: value for key, value in properties.items() if isinstance(value, dict)}


def typed(text: str, schema: Mapping[str, Any], string: str | None = None) -> Any:
    """An argument that stands between tags: text if the tool wants text, JSON or Python's notation otherwise."""
    text = text.removeprefix("\n").removesuffix("\n")
    if string == "true" or (string is None and schema.get("type") == "string"):
        return text
    value = decoded(text.strip())
    if value is not NOTHING:
        return value
    if len(text) <= MOST_LITERAL_CHARACTERS:
        try:
            return json.loads(json.dumps(ast.literal_eval(text.strip())))
        except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
            pass
    return text


def decoded(text: str) -> Any:
    """`NOTHING` where it is no JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return NOTHING


def encoded(arguments: Any) -> str:
    return json.dumps(arguments, ensure_ascii=False)
