"""Facts in lines beside a label, as `nibble doctor` and `nibble packs` print them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

LABEL_WIDTH = 13
LINE_WIDTH = 100


def aligned(parts: Iterable[tuple[str, Sequence[str]]]) -> str:
    """Of each part its label and its facts; each fact on lines of its own, what is too long for one indented. Parts
    without facts are left out."""
    return "\n".join(line for label, facts in parts for line in _lines(label, facts))


def _lines(label: str, facts: Sequence[str]) -> Iterator[str]:
    for fact in facts:
        lines = textwrap.wrap(fact, LINE_WIDTH - LABEL_WIDTH, subsequent_indent="  ", break_on_hyphens=False)
        for line in lines:
            yield f"{label:{LABEL_WIDTH}}{line}".rstrip()
            label = ""
