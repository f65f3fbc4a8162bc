"""Licence expressions as SPDX writes them: `MIT OR (Apache-2.0 WITH LLVM-exception AND Zlib)`."""

from __future__ import annotations

import re
from collections.abc import Iterator

PERMISSIVE = frozenset(
    (
        *(
            "0BSD",
            "AFL-2.1",
            "Apache-2.0",
            "BSD-2-Clause",
            "BSD-3-Clause",
            "BSL-1.0",
            "Bitstream-Vera",
            "CC-BY-4.0",
        ),
        *("CC0-1.0", "FTL", "HPND", "IJG", "ISC", "Imlib2", "Libpng", "MIT", "MIT-0", "OFL-1.1", "PSF-2.0"),
        *(
            "Unicode-3.0",
            "Unlicense",
            "X11",
            "Zlib",
            "libpng-2.0",
            "LicenseRef-SCOWL",
            "LicenseRef-public-domain",
        ),
    )
)
"""Ask for no more than their text and the names of their holders."""

LESSER = frozenset(
    (
        *("LGPL-2.1-only", "LGPL-2.1-or-later", "LGPL-3.0-only", "LGPL-3.0-or-later", "MPL-2.0"),
        *("GPL-3.0-or-later WITH GCC-exception-3.1", "GPL-2.0-or-later WITH Bootloader-exception"),
        "Apache-2.0 WITH LLVM-exception",
    )
)
"""Ask for the source of the work itself, and that it can be replaced, and let programs under Apache-2.0 use it."""

_WORDS = re.compile(r"[()]|[^\s()]+")


def applying(expression: str) -> tuple[str, ...] | None:
    """The licences of `expression` under which its work is used here: of alternatives, the first that may be.

    None where it may not be used at all, and where it is no expression.
    """
    words = _Words(expression)
    try:
        found = _either(words)
        return tuple(dict.fromkeys(found)) if found is not None and words.next is None else None
    except ValueError:
        return None


def text_names(licence: str) -> tuple[str, ...]:
    """Under which names the texts of one licence are kept: `GPL-3.0-or-later WITH GCC-exception-3.1` has two."""
    base, _, exception = licence.partition(" WITH ")
    if base.startswith(("GPL-", "LGPL-")):
        base = base.replace("-or-later", "-only")
    if base.startswith("LGPL-3.0"):
        return base, "GPL-3.0-only"  # to which it adds
    return (base, exception) if exception else (base,)


class _Words:
    def __init__(self, expression: str) -> None:
        self._words: Iterator[str] = iter(_WORDS.findall(expression))
        self.next: str | None = next(self._words, None)

    def take(self) -> str:
        """Raises ValueError at the end."""
        if self.next is None:
            raise ValueError
        taken, self.next = self.next, next(self._words, None)
        return taken


def _either(words: _Words) -> tuple[str, ...] | None:
    found = _all_of(words)
    while words.next == "OR":
        words.take()
        other = _all_of(words)
        found = other if found is None else found
    return found


def _all_of(words: _Words) -> tuple[str, ...] | None:
    found = _one(words)
    while words.next == "AND":
        words.take()
        other = _one(words)
        found = None if found is None or other is None else (*found, *other)
    return found


def _one(words: _Words) -> tuple[str, ...] | None:
    word = words.take()
    if word == "(":
        found = _either(words)
        if words.take() != ")":
            raise ValueError
        return found
    if word in ("AND", "OR", "WITH", ")"):
        raise ValueError
    if words.next == "WITH":
        words.take()
        word = f"{word} WITH {words.take()}"
    return (word,) if word in PERMISSIVE or word in LESSER else None
