"""Text from the bytes of tokens, which know nothing of characters."""

from __future__ import annotations

import codecs


class TextStream:
    """Joins pieces to text, holding back the bytes of an unfinished character."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, piece: bytes) -> str:
        return self._decoder.decode(piece)

    def finish(self) -> str:
        """What was held back; an unfinished character becomes U+FFFD."""
        return self._decoder.decode(b"", True)
