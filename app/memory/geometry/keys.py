"""Keys: the numbers of a GGUF header under the keys of its architecture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeGuard

from app.gguf.header import MetadataValue, SkippedArray

_MOST = 1 << 32


class Keys:
    """Whatever is no sensible number counts as absent, 0."""

    def __init__(self, architecture: str, metadata: Mapping[str, MetadataValue]) -> None:
        self.architecture = architecture
        self._metadata = metadata

    def value(self, key: str) -> MetadataValue | None:
        return self._metadata.get(f"{self.architecture}.{key}")

    def number(self, key: str) -> int:
        """The number, or the most of a list."""
        value = self.value(key)
        numbers = value if isinstance(value, tuple) else (value,)
        return max((number for number in numbers if _is_count(number)), default=0)

    def per_layer(self, key: str, count: int) -> tuple[int, ...] | None:
        """One number for each layer; None where the header has none or too few."""
        value = self.value(key)
        if value is None or isinstance(value, SkippedArray):
            return None
        numbers = value if isinstance(value, tuple) else (value,) * count
        counts = [int(number) for number in numbers[:count] if _is_count(number)]
        return tuple(counts) if len(counts) == count else None


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and 0 <= value <= _MOST
