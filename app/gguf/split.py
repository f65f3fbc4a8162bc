"""Names of models that are split over several files: `<prefix>-00002-of-00003.gguf`."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PART = re.compile(r"(?P<prefix>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})(?P<suffix>\.gguf)", re.IGNORECASE)


@dataclass(frozen=True)
class SplitName:
    """Part `number` (from 1) of `count`."""

    prefix: str
    number: int
    count: int
    suffix: str = ".gguf"

    def part(self, number: int) -> str:
        """The file name of another part."""
        return f"{self.prefix}-{number:05d}-of-{self.count:05d}{self.suffix}"


def split_name(file_name: str) -> SplitName | None:
    """What the name says of a split; None where it is not the name of a part."""
    match = _PART.fullmatch(file_name)
    if match is None:
        return None
    number, count = int(match["number"]), int(match["count"])
    return SplitName(match["prefix"], number, count, match["suffix"]) if 1 <= number <= count else None
