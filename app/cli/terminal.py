"""Text from files and models on its way to a terminal."""

from __future__ import annotations

_REPLACEMENT = "�"
_CONTROLS = dict.fromkeys(
    (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)), _REPLACEMENT
)
_IN_LINES = _CONTROLS | {ord("\n"): "\n", ord("\t"): "\t"}
_IN_ONE_LINE = _CONTROLS | {ord(space): " " for space in "\n\r\t\u2028\u2029"}


def printable(text: str, *, lines: bool) -> str:
    """`text` without what a terminal obeys: control characters, escape sequences, turns of direction.

    With `lines` newlines and tabs stay; without, all of it comes on one line.
    """
    return text.translate(_IN_LINES if lines else _IN_ONE_LINE)
