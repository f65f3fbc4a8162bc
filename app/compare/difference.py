"""Where two answers part ways, as text."""

from __future__ import annotations


def first_difference(first: str, second: str) -> int | None:
    """The index of the first character that differs; None when the texts are the same."""
    for index, (a, b) in enumerate(zip(first, second, strict=False)):
        if a != b:
            return index
    return None if len(first) == len(second) else min(len(first), len(second))
