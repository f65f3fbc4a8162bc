"""Characters that cannot be seen, or that turn the order of others around: shown by their code where they may deceive.

In code all of them ("Trojan Source", CVE-2021-42574); in prose only those that overrule the order of letters, since
writing from right to left and emoji need the others.
"""

from __future__ import annotations

import re

_IN_CODE = re.compile(
    "[\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e007f\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
)
_IN_PROSE = re.compile("[\u202a-\u202e\u2066-\u2069\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffc]")


def pieces(text: str, *, in_code: bool) -> list[tuple[str, bool]]:
    """`text` in pieces; True: a character that has to be shown by its code, as `code_of` writes it."""
    pattern = _IN_CODE if in_code else _IN_PROSE
    found: list[tuple[str, bool]] = []
    end = 0
    for match in pattern.finditer(text):
        if match.start() > end:
            found.append((text[end : match.start()], False))
        found.append((match[0], True))
        end = match.end()
    if end < len(text):
        found.append((text[end:], False))
    return found


def code_of(character: str) -> str:
    """`[U+202E]`"""
    return f"[U+{ord(character):04X}]"
