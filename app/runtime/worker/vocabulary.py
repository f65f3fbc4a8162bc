"""Text to tokens and back, through llama.cpp's own tokenizer."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import llama_cpp

from app.runtime.worker.quoting import QUOTES, Quoter

if TYPE_CHECKING:
    import llguidance

_QUOTED = re.compile(f"[{QUOTES}]")


class Vocabulary:
    """The vocabulary of one model; tokens are its integer ids."""

    def __init__(self, vocab: object) -> None:
        self._vocab = self.handle = vocab
        self._pieces: dict[int, bytes] = {}
        self._revealed: dict[int, str] = {}
        self._written: dict[int, bytes | None] = {}
        self.size = int(llama_cpp.llama_vocab_n_tokens(vocab))
        bos = int(llama_cpp.llama_vocab_bos(vocab))
        self.any_token = bos if bos >= 0 else 0
        self.bos_text = self._special_text(bos)
        eos = int(llama_cpp.llama_vocab_eos(vocab))
        self.eos_text = self._special_text(eos)
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

    def tokenize_prompt(self, prompt: str) -> list[int]:
        """A rendered prompt from its beginning: special tokens in it count as such but for those within `QUOTES`."""
        first, *rest = _QUOTED.split(prompt)
        return [*self.tokenize_text(first, parse_special=True), *self._tokenize_parts(rest)]

    def tokenize_continuation(self, prompt: str) -> list[int]:
        """What follows on tokens already there of a rendered prompt."""
        first, *rest = _QUOTED.split(prompt)
        return [*self._tokenize(first, add_special=False, parse_special=True), *self._tokenize_parts(rest)]

    def _tokenize_parts(self, parts: Sequence[str]) -> list[int]:
        """Text from the middle of a prompt, by turns quoted and not."""
        line_end = self._tokenize("\n", False, False) if parts else []
        tokens: list[int] = []
        for number, part in enumerate(parts):
            # Behind a line's end, or SentencePiece would put a space before it.
            found = self._tokenize(f"\n{part}", False, parse_special=number % 2 == 1)
            if found[: len(line_end)] == line_end:
                tokens += found[len(line_end) :]
            else:
                tokens += self._tokenize(part, False, parse_special=number % 2 == 1)
        return tokens

    @cached_property
    def quoter(self) -> Quoter:
        """For texts that come from elsewhere into a prompt."""
        return Quoter(self._is_control_text)

    def _is_control_text(self, text: str) -> bool:
        return any(map(self.is_control, self._tokenize(text, add_special=False, parse_special=True)))

    def tokenize_part(self, text: str) -> list[int]:
        """Any text by itself; special tokens in it are the characters they are written in."""
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

    def is_special(self, text: str) -> bool:
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

    def name(self, token: int) -> bytes:
        """As the vocabulary writes it, special tokens too."""
        text: bytes | None = llama_cpp.llama_vocab_get_text(self._vocab, token)
        return text or b""

    def _special_text(self, token: int) -> str:
        return self.name(token).decode("utf-8", "replace") if token >= 0 else ""
