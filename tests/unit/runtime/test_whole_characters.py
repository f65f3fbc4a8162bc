"""Tokens that are bytes may only follow each other to whole characters."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.runtime.worker.whole_characters import WholeCharacters, is_whole


class Bytes:
    """A vocabulary of all bytes, and of what stands after them."""

    def __init__(self, *others: bytes) -> None:
        self._pieces = [bytes([value]) for value in range(256)] + list(others)
        self.size = len(self._pieces)
        self.partial = [token for token in range(self.size) if not is_whole(self._pieces[token])]

    def piece(self, token: int) -> bytes:
        return self._pieces[token]


@given(st.data())
def test_whatever_is_allowed_can_be_completed_to_text(data: st.DataObject) -> None:
    vocabulary = Bytes(b"", b"\xa9!", "é🦙".encode(), "🦙".encode()[:2], b"\xf0\x9f\xa6\x99\xed")
    characters = WholeCharacters(vocabulary)  # type: ignore[arg-type]
    text = b""
    for _ in range(12):
        allowed = [token for token in range(vocabulary.size) if characters.allows(token)]
        assert allowed == characters.allowed().nonzero()[0].tolist()
        assert allowed, text
        token = data.draw(st.sampled_from(allowed))
        characters.accept(token)
        text += vocabulary.piece(token)
    while not is_whole(text):
        token = next(token for token in range(256) if characters.allows(token))
        characters.accept(token)
        text += vocabulary.piece(token)
    text.decode("utf-8")


@given(st.text(max_size=6))
def test_all_text_can_be_written_byte_by_byte(text: str) -> None:
    characters = WholeCharacters(Bytes())  # type: ignore[arg-type]
    for byte in text.encode("utf-8", "replace"):
        assert characters.allows(byte)
        characters.accept(byte)
