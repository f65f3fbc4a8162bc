"""JSON files of a checkpoint, and typed access to config.json, which may hold anything."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

from app.core.errors import DamagedCheckpoint
from app.gguf.cursor import shorten
from app.gguf.source import LocalFile

MAX_CONFIG_BYTES = 1_000_000
"""config.json and generation_config.json have some kB."""
MAX_TABLE_BYTES = 16_000_000
"""Where there is an entry for each token or tensor: the largest real ones have 9 MB (the index of 91,000
tensors of DeepSeek-V3). Of each byte there come up to 35 in Python's memory."""


def read_json(path: Path, most_bytes: int = MAX_CONFIG_BYTES) -> dict[str, object]:
    """The object in a JSON file. Raises DamagedCheckpoint, and what `LocalFile` raises."""
    with LocalFile(path) as file:
        if file.size > most_bytes:
            raise damaged(path.name, "it is far too large")
        return parse_object(path.name, file.read_at(0, file.size))


def parse_object(name: str, content: bytes) -> dict[str, object]:
    try:
        document = json.loads(content.decode("utf-8-sig"))
        if b"\\u" in content:  # half of a surrogate pair is text to JSON, and to nobody else
            json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise damaged(name, "it is not JSON") from error
    if not isinstance(document, dict):
        raise damaged(name, "it holds no JSON object")
    return document


def damaged(name: str, flaw: str) -> DamagedCheckpoint:
    return DamagedCheckpoint(f"{name} is damaged: {flaw}.", "Download the model's files again.")


class Config:
    """The values of config.json or of a table in it. All methods raise DamagedCheckpoint.

    A key that is missing or null takes the default, as in Transformers; without one it is a fault.
    """

    def __init__(self, values: Mapping[str, object], name: str = "config.json") -> None:
        self._values = values
        self._name = name

    def has(self, key: str) -> bool:
        return self._values.get(key) is not None

    def has_entries(self, key: str) -> bool:
        """Whether there is a list with anything in it."""
        value = self._value(key, [])
        if not isinstance(value, list):
            raise self._impossible(key, value)
        return bool(value)

    def count(self, key: str, most: int, default: int | None = None) -> int:
        """An integer from 1 to `most`."""
        value = self._value(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise self._impossible(key, value)
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """A positive, finite number."""
        value = self._value(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._impossible(key, value)
        # An integer may be beyond any float.
        if not 0 < value < 1e30 or not math.isfinite(value):
            raise self._impossible(key, value)
        return float(value)

    def numbers(self, key: str) -> tuple[float, ...]:
        """Positive, finite numbers; none where there is no such key."""
        value = self._value(key, [])
        if not isinstance(value, list):
            raise self._impossible(key, value)
        entries = Config({str(place): each for place, each in enumerate(value)}, self._name)
        return tuple(entries.number(str(place)) for place in range(len(value)))

    def counts(self, key: str) -> tuple[int, ...]:
        """Integers from 1 on; none where there is no such key."""
        value = self._value(key, [])
        if not isinstance(value, list):
            raise self._impossible(key, value)
        entries = Config({str(place): each for place, each in enumerate(value)}, self._name)
        return tuple(entries.count(str(place), 1 << 31) for place in range(len(value)))

    def any_number(self, key: str) -> float:
        """A finite number of either sign."""
        value = self._value(key, None)
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e30:
            raise self._impossible(key, value)
        return float(value)

    def names(self) -> list[str]:
        return list(self._values)

    def with_value(self, key: str, value: object) -> Config:
        """The same with another value there."""
        return Config({**self._values, key: value}, self._name)

    def flag(self, key: str, default: bool) -> bool:
        value = self._value(key, default)
        if not isinstance(value, bool):
            raise self._impossible(key, value)
        return value

    def text(self, key: str, default: str | None = None) -> str:
        value = self._value(key, default)
        if not isinstance(value, str):
            raise self._impossible(key, value)
        return value

    def texts(self, key: str) -> list[str]:
        value = self._value(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._impossible(key, value)
        return value

    def table(self, key: str) -> Config:
        value = self._value(key, {})
        if not isinstance(value, dict):
            raise self._impossible(key, value)
        return Config(value, self._name)

    def _value(self, key: str, default: object) -> object:
        value = self._values.get(key)
        if value is None:
            value = default
        if value is None:
            raise damaged(self._name, f"it does not say {key}")
        return value

    def _impossible(self, key: str, value: object) -> DamagedCheckpoint:
        return damaged(self._name, f"it gives {shorten(value)} for {key}")
