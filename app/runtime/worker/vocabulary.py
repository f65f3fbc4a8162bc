"""Text to tokens and back, through llama.cpp's own tokenizer."""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

import llama_cpp

if TYPE_CHECKING:
    import llguidance

_UNKNOWN, _CONTROL, _LSTRIP, _RSTRIP = 1 << 0, 1 << 3, 1 << 7, 1 << 8  # enum llama_token_attr


class Vocabulary:
    """The vocabulary of one model; tokens are its integer ids."""

    def __init__(self, vocab: object) -> None:
        self._vocab = self.handle = vocab
        self._pieces: dict[int, bytes] = {}
        self._revealed: dict[int, str] = {}
        self._written: dict[int, bytes | None] = {}
        self._known_attributes: dict[int, int] = {}
        self.size = int(llama_cpp.llama_vocab_n_tokens(vocab))
        bos = int(llama_cpp.llama_vocab_bos(vocab))
        self.any_token = bos if bos >= 0 else 0
        self.bos_text = self._special_text(bos)
        eos = int(llama_cpp.llama_vocab_eos(vocab))
        self.eos_text = self._special_text(eos)
        self.start_token = bos if bos >= 0 and bool(llama_cpp.llama_vocab_get_add_bos(vocab)) else None
        """Where the model wants one before every text."""
        self._ends_with_eos = eos if bool(llama_cpp.llama_vocab_get_add_eos(vocab)) else None

    @cached_property
    def ends(self) -> list[int]:
        """The tokens that end an answer."""
        return [token for token in range(self.size) if self.is_end(token)]

    @cached_property
    def partial(self) -> list[int]:
        """The tokens whose bytes are not whole characters."""
        from app.runtime.worker.whole_characters import is_whole

        return [token for token in range(self.size) if not is_whole(self.piece(token))]

    @cached_property
    def suppressed(self) -> list[int]:
        """The tokens that the model's metadata wants never to be chosen."""
        count = ctypes.c_int32()
        tokens = llama_cpp.llama_vocab_get_suppress_tokens(self._vocab, ctypes.byref(count))
        return list(tokens[: count.value]) if count.value else []

    @cached_property
    def schema_tokenizer(self) -> llguidance.LLTokenizer:
        """Made when a JSON schema is first asked for."""
        from app.runtime.worker.json_schema import make_tokenizer

        return make_tokenizer(self)

    @cached_property
    def fingerprint(self) -> str:
        """The same for vocabularies of the same tokens, special ones too, in the same order."""
        digest = hashlib.sha256()
        for token in range(self.size):
            name = self.name(token)
            digest.update(b"%d:%d:" % (len(name), self._attributes(token)) + name)
        return digest.hexdigest()

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

    def spells_special(self, text: str) -> bool:
        """Whether there is one token for `text` that ordinary text is not cut into."""
        with_special = self._tokenize(text, add_special=False, parse_special=True)
        return len(with_special) == 1 and with_special != self._tokenize(text, False, False)

    def reveal(self, marks: Iterable[str]) -> None:
        """Control tokens of which `marks` are made are given as text from now on; others stand for none."""
        for mark in marks:
            for token in self._tokenize(mark, add_special=False, parse_special=True):
                if self.is_control(token):
                    self._revealed[token] = self._special_text(token)
                    self._pieces[token] = self._revealed[token].encode()

    def mark_of(self, token: int) -> str:
        """The text of a token that was revealed; also of one that ends answers."""
        return self._revealed.get(token, "")

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

    def written(self, token: int) -> bytes | None:
        """What `token` adds to an answer; None where it ends it. Asked for every token: a look-up in most cases."""
        try:
            return self._written[token]
        except KeyError:
            found = self._written[token] = None if self.is_end(token) else self.piece(token)
            return found

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

    def name(self, token: int) -> bytes:
        """As the vocabulary writes it, special tokens too."""
        text: bytes | None = llama_cpp.llama_vocab_get_text(self._vocab, token)
        return text or b""

    def text(self, token: int) -> str:
        """Its name in whole characters."""
        return self.name(token).decode("utf-8", "replace")

    def _attributes(self, token: int) -> int:
        known = self._known_attributes.get(token)
        if known is None:
            known = self._known_attributes[token] = int(llama_cpp.llama_vocab_get_attr(self._vocab, token))
        return known

    def _special_text(self, token: int) -> str:
        return self.text(token) if token >= 0 else ""
