"""Text to tokens and back, through llama.cpp's own tokenizer."""

from __future__ import annotations

import ctypes
from functools import cached_property

import llama_cpp

_UNKNOWN, _CONTROL, _LSTRIP, _RSTRIP = 1 << 0, 1 << 3, 1 << 7, 1 << 8  # enum llama_token_attr


class Vocabulary:
    """The vocabulary of one model; tokens are its integer ids."""

    def __init__(self, vocab: object) -> None:
        self._vocab = vocab
        self._pieces: dict[int, bytes] = {}
        self._known_attributes: dict[int, int] = {}
        self.size = int(llama_cpp.llama_vocab_n_tokens(vocab))
        bos = int(llama_cpp.llama_vocab_bos(vocab))
        self.any_token = bos if bos >= 0 else 0
        self.bos_text = self._special_text(bos)
        eos = int(llama_cpp.llama_vocab_eos(vocab))
        self.eos_text = self._special_text(eos)
        self._ends_with_eos = eos if bool(llama_cpp.llama_vocab_get_add_eos(vocab)) else None

    @cached_property
    def longest_token(self) -> int:
        """No token stands for more bytes of text: the vocabulary's own notation is never shorter."""
        return max(
            len(llama_cpp.llama_vocab_get_text(self._vocab, token) or b"") for token in range(self.size)
        )

    def tokenize_text(self, text: str, *, parse_special: bool) -> list[int]:
        """`text` from its beginning: the start token is added where the model wants one and the text
        does not spell it. With `parse_special`, special tokens in the text count as such."""
        spells_bos = parse_special and bool(self.bos_text) and text.startswith(self.bos_text)
        tokens = self._tokenize(text, add_special=not spells_bos, parse_special=parse_special)
        if self._ends_with_eos is not None and not spells_bos and tokens[-1:] == [self._ends_with_eos]:
            tokens.pop()  # added as well: the text may go on, it must not be closed already
        return tokens

    def tokenize_continuation(self, text: str) -> list[int]:
        """What follows on tokens already there; special tokens in `text` count as such."""
        return self._tokenize(text, add_special=False, parse_special=True)

    def tokenize_plain(self, text: str) -> list[int]:
        """What follows on tokens already there; nothing in `text` counts as a special token."""
        return self._tokenize(text, add_special=False, parse_special=False)

    def _tokenize(self, text: str, add_special: bool, parse_special: bool) -> list[int]:
        data = text.encode("utf-8")
        size = len(data) + 8
        while True:
            buffer = (ctypes.c_int32 * size)()
            count = llama_cpp.llama_tokenize(
                self._vocab, data, len(data), buffer, size, add_special, parse_special
            )
            if count >= 0:
                return list(buffer[:count])
            size = -count

    def piece(self, token: int) -> bytes:
        """The bytes of one token; may be part of a UTF-8 character."""
        known = self._pieces.get(token)
        if known is not None:
            return known
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            count = llama_cpp.llama_token_to_piece(self._vocab, token, buffer, size, 0, False)
            if count >= 0:
                break
            size = -count
        self._pieces[token] = piece = buffer.raw[:count]
        return piece

    def is_end(self, token: int) -> bool:
        return bool(llama_cpp.llama_vocab_is_eog(self._vocab, token))

    def is_control(self, token: int) -> bool:
        return bool(llama_cpp.llama_vocab_is_control(self._vocab, token))

    def is_reserved(self, token: int) -> bool:
        """Whether plain text never becomes it, whatever it spells: a special token."""
        return bool(self._attributes(token) & (_UNKNOWN | _CONTROL))

    def takes_space_before(self, token: int) -> bool:
        return bool(self._attributes(token) & _LSTRIP)

    def takes_space_behind(self, token: int) -> bool:
        return bool(self._attributes(token) & _RSTRIP)

    def text(self, token: int) -> str:
        """How the vocabulary writes it."""
        text: bytes | None = llama_cpp.llama_vocab_get_text(self._vocab, token)
        return (text or b"").decode("utf-8", "replace")

    def _attributes(self, token: int) -> int:
        known = self._known_attributes.get(token)
        if known is None:
            known = self._known_attributes[token] = int(llama_cpp.llama_vocab_get_attr(self._vocab, token))
        return known

    def _special_text(self, token: int) -> str:
        return self.text(token) if token >= 0 else ""
