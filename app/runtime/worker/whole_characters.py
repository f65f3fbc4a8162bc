"""That tokens which are parts of characters make whole ones.

llama.cpp's grammars are about characters and lose count where a character's bytes come in several tokens: after the
first of them any byte is allowed, and the end, too.
"""

from __future__ import annotations

import codecs
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from app.runtime.worker.vocabulary import Vocabulary


class WholeCharacters:
    """Knows the bytes of a character that has begun; its state is that after the tokens accepted so far."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._begun = b""

    def allows(self, token: int) -> bool:
        return _rest(self._begun, self._vocabulary.piece(token)) is not None

    def allowed(self) -> NDArray[np.bool_]:
        """For each token of the vocabulary."""
        allowed = np.full(self._vocabulary.size, not self._begun)
        for token in self._vocabulary.partial:
            allowed[token] = self.allows(token)
        return allowed

    def accept(self, token: int) -> None:
        self._begun = _rest(self._begun, self._vocabulary.piece(token)) or b""


def _rest(begun: bytes, piece: bytes) -> bytes | None:
    """The bytes of the character that is begun after `piece`; None where there can be none.

    A token without text may stand where no character is begun.
    """
    if begun and not piece:
        return None
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(begun + piece)
    except UnicodeDecodeError:
        return None
    rest = decoder.getstate()[0]
    return rest if not rest or _can_be_completed(rest) else None


def _can_be_completed(begun: bytes) -> bool:
    """The decoder also waits for the rest of what would be half a surrogate pair."""
    for filling in (b"\x80", b"\xbf"):  # the least and the largest: every lead byte allows one of them
        for count in (1, 2, 3):
            with suppress(UnicodeDecodeError):
                (begun + filling * count).decode()
                return True
    return False


def is_whole(piece: bytes) -> bool:
    return _rest(b"", piece) == b""
