"""The few facts of a model card, README.md's front matter, that a GGUF keeps: its licence, origin and languages.

Read line by line and not as YAML: aliases let a few hundred bytes become gigabytes, and the fastest
parser for Python takes seconds for what a hostile file may hold. Plain and quoted words and lists of
them are understood; anything else is as if it were not there.
"""

from __future__ import annotations

import re
from pathlib import Path

from app.gguf.source import LocalFile

KEYS = frozenset({"license", "license_name", "license_link", "base_model", "language"})
MOST_BYTES = 1 << 16
_FENCE = "---"
_MOST_LENGTH = 200
_MOST_ITEMS = 100
_ENTRY = re.compile(r"(?P<key>[a-z_]+):(?:[ \t]+(?P<value>.*))?")
_ITEM = re.compile(r"[ \t]*-[ \t]+(?P<value>.*)")


def read_model_card(path: Path) -> dict[str, str | list[str]]:
    """The texts and lists under `KEYS`; none where there is no front matter. Raises what `LocalFile` raises."""
    with LocalFile(path) as file:
        lines = file.read_at(0, MOST_BYTES).decode(errors="replace").splitlines()
    if lines[:1] != [_FENCE] or _FENCE not in lines[1:]:
        return {}
    card: dict[str, str | list[str]] = {}
    items: list[str] = []
    for line in lines[1 : lines.index(_FENCE, 1)]:
        if entry := _ENTRY.fullmatch(line):
            key, value = entry["key"], (entry["value"] or "").strip()
            card.pop(key, None)
            items = []  # a list without a key that counts is read to nowhere
            found = _value(value, items)
            if key in KEYS and found is not None:
                card[key] = found
        elif (item := _ITEM.fullmatch(line)) and len(items) < _MOST_ITEMS:
            items += _words([item["value"]])
    return {key: found for key, found in card.items() if found}


def _value(value: str, items: list[str]) -> str | list[str] | None:
    """What stands behind a key; `items`, to which following lines add, where nothing does."""
    if not value or value.startswith("#"):
        return items
    if value.startswith("[") and value.endswith("]"):
        return _words(value[1:-1].split(",")[:_MOST_ITEMS])
    return _word(value)


def _words(values: list[str]) -> list[str]:
    return [word for word in map(_word, values) if word is not None]


def _word(value: str) -> str | None:
    """A plain or quoted text. None for what means more to YAML: anchors, aliases, tags, tables, escapes."""
    text = value.strip()
    if text[:1] in ("'", '"'):
        quote, text = text[0], text[1:]
        if not text.endswith(quote):
            return None
        text = text[:-1]
        if quote in text or "\\" in text:
            return None
    else:
        text = text.split(" #")[0].rstrip()
        if not text[:1].isalnum() or ": " in text or text.endswith(":") or text == "null":
            return None
    return text if 0 < len(text) <= _MOST_LENGTH and text.isprintable() else None
