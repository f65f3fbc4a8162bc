"""Words as searching compares them: without case and diacritics, and in scripts that are written without spaces each
character for itself.

Such scripts (Chinese, Japanese, Thai and their like, and Korean, whose words have endings and are joined) are found by
any part that way: a part is a phrase of characters. Pairs of characters instead would make FTS5's index 2.6 times as
large and six times as long to make, to save some milliseconds of those that a phrase takes; its trigrams find nothing
of two characters, as most Chinese words have.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from itertools import islice

_MOST_CHARACTERS = 400
_MOST_WORDS = 16
_MOST_PLACES = 100
_IGNORED = "\u0300"
"""Stands for all marks that do not count, so that a folded text is as long as it was."""
_DIACRITICS = re.compile(
    "[\u00ad\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640"
    "\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u1ab0-\u1aff\u1dc0-\u1dff\u200c-\u200f"
    "\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f]"
)
"""Accents, Hebrew and Arabic points and what joins characters. Not the vowels of Indian scripts and the marks of kana:
those tell words apart."""
_UNSPACED = (
    "\u0e01-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17d3\u19e0-\u19ff\u3005-\u3007\u3041-\u309a\u309d-\u309f"
    "\u30a1-\u30fa\u30fc-\u318e\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua9e0-\ua9fe\uaa60-\uaa7f\uac00-\ud7a3"
    "\uf900-\ufaff\U00020000-\U0003ffff"
)
_RUN = re.compile(f"[{_UNSPACED}]+")


def fold(text: str) -> str:
    """As long as `text`, which has to be composed (NFC)."""
    return text.lower() if text.isascii() else text.translate(_FOLDED)


def indexed(text: str) -> str:
    """What the index is given of a text: all that is folded, the words separated by what FTS5's "unicode61" takes for
    separators."""
    folded = fold(unicodedata.normalize("NFC", text))
    if folded.isascii():
        return folded
    return _RUN.sub(lambda run: f" {' '.join(run[0])} ", folded.replace(_IGNORED, ""))


class Wanted:
    """What is searched for: each of the words, the last one perhaps only begun."""

    def __init__(self, words: str) -> None:
        """A word such as "don't" is several to FTS5, which have to stand together."""
        chunks = unicodedata.normalize("NFC", words[:_MOST_CHARACTERS]).split()
        tokens = [tokens_of(chunk) for chunk in chunks]
        self._phrases = list(dict.fromkeys(tuple(each) for each in tokens if each))[:_MOST_WORDS]

    def __bool__(self) -> bool:
        return bool(self._phrases)

    @property
    def query(self) -> str:
        """In FTS5's language, each word quoted, so that nothing in it means anything."""
        return " ".join(f'"{" ".join(phrase)}"' for phrase in self._phrases) + "*"

    def places(self, folded: str) -> list[tuple[int, int, int]]:
        """Where the words are: the first and the one behind the last character, and which of the words it is."""
        found: list[tuple[int, int, int]] = []
        for at, phrase in enumerate(self._phrases):
            pattern = _pattern_of(phrase, at == len(self._phrases) - 1, has_marks=_IGNORED in folded)
            begins_anywhere = _RUN.match(phrase[0]) is not None
            matches = (
                each
                for each in pattern.finditer(folded)
                if begins_anywhere or each.start() == 0 or not folded[each.start() - 1].isalnum()
            )
            found += [(each.start(), each.end(), at) for each in islice(matches, _MOST_PLACES)]
        return sorted(found)


def tokens_of(chunk: str) -> list[str]:
    """The words that FTS5 sees in what was typed, at least one of them with a letter or digit."""
    kept = "".join(each if each.isalnum() or _is_mark(each) else " " for each in indexed(chunk))
    tokens = kept.split()
    return tokens if any(map(str.isalnum, kept)) else []


@functools.lru_cache
def _pattern_of(phrase: tuple[str, ...], may_be_begun: bool, has_marks: bool) -> re.Pattern[str]:
    # Begins with the letters themselves, which `re` looks for 30 times as fast as for anything that may stand there.
    marks = f"{_IGNORED}*" if has_marks else ""
    found = ""
    for at, token in enumerate(phrase):
        if at:
            is_joined = _RUN.match(token) or _RUN.match(phrase[at - 1])
            found += r"[\W_]*" if is_joined else r"[\W_]+"
        found += marks.join(map(re.escape, token)) + marks
    if not _RUN.match(phrase[-1]):
        found += rf"(?:[^\W_]|{_IGNORED})*" if may_be_begun else r"(?![^\W_])"
    return re.compile(found)


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) in ("Mn", "Mc")


class _Folded(dict[int, str]):
    """By character, one for one; filled as they come."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        plain = _DIACRITICS.sub("", unicodedata.normalize("NFKD", character))
        lower = (plain if len(plain) == 1 else character).lower()
        self[code] = _IGNORED if not plain else lower if len(lower) == 1 else character
        return self[code]


_FOLDED = _Folded()
