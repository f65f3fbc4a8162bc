"""Special tokens that somebody only wrote: in a prompt they stay the characters they are written in.

A template's own text may spell special tokens ("<|im_start|>"). What people, tools and documents say may not, or
whoever writes "<|im_end|>" could speak in another's name; in the rendered prompt the two look alike. So before a
template is rendered, each special token spelled in what it is given is replaced by a mark that nobody can guess, and
when the prompt is cut into tokens, the text around a mark, up to the template's next special tokens, is plain text.
"""

from __future__ import annotations

import os
import re
from typing import Any

import msgspec

from app.runtime.worker.vocabulary import Vocabulary

_NONCE_DIGITS = 24
_TOKEN_DIGITS = 8
_MOST_ROUNDS = 8
_MOST_KNOWN_CHARACTERS = 4_000_000


class TypedSpecials:
    """For one model. Marks are the same as long as it is loaded, so that prompts can be compared.

    A mark is made of digits alone, which no template trims, escapes or writes in other letters.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        random = int.from_bytes(os.urandom(_NONCE_DIGITS)) % 10**_NONCE_DIGITS
        self._nonce = f"{random:0{_NONCE_DIGITS}}"
        self._known: dict[str, str] = {}
        self._known_characters = 0
        self._mark = re.compile(rf"{self._nonce}(\d{{{_TOKEN_DIGITS}}})")

    def protect(self, value: Any) -> Any:
        """`value` with a mark for each special token spelled in any text in it."""
        if isinstance(value, str):
            return self._known.get(value) or self._remember(value, self._protect_text(value))
        if isinstance(value, dict):
            return {self.protect(key): self.protect(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(self.protect(item) for item in value)
        if isinstance(value, msgspec.Struct):
            fields = {name: self.protect(getattr(value, name)) for name in value.__struct_fields__}
            return type(value)(**fields)
        return value

    def spelled(self, prompt: str) -> str:
        """`prompt` as it reads, without marks."""
        return self._mark.sub(lambda match: self._vocabulary.text(int(match[1])), prompt)

    def tokenize(self, prompt: str, *, continues: bool = False) -> list[int]:
        """The tokens of a rendered `prompt`, from its beginning, or following on tokens already there."""
        if self._nonce not in prompt:
            return self._tokenize_template(prompt, continues)
        tokens: list[int] = []
        done = 0
        for start, end in self._typed_spans(prompt):
            if done < start or not continues:
                tokens += self._tokenize_template(prompt[done:start], continues)
            continues = True
            tokens += self._vocabulary.tokenize_plain(self.spelled(prompt[start:end]))
            done = end
        if done < len(prompt):
            tokens += self._tokenize_template(prompt[done:], continues)
        return tokens

    def _tokenize_template(self, text: str, continues: bool) -> list[int]:
        if continues:
            return self._vocabulary.tokenize_continuation(text)
        return self._vocabulary.tokenize_text(text, parse_special=True)

    def _typed_spans(self, prompt: str) -> list[tuple[int, int]]:
        """Where the text with marks stands: from the special token before it to the one behind it, so that llama.cpp
        sees it whole. Without the white space that one of these takes with it."""
        spans: list[tuple[int, int]] = []
        begin, before = 0, None
        for start, end, token in [*self._specials_in(prompt), (len(prompt), len(prompt), None)]:
            if self._nonce in prompt[begin:start]:
                spans.append(self._trimmed(prompt, begin, start, before, token))
            begin, before = end, token
        return spans

    def _trimmed(
        self, prompt: str, begin: int, end: int, before: int | None, behind: int | None
    ) -> tuple[int, int]:
        text = prompt[begin:end]
        if before is not None and self._vocabulary.takes_space_behind(before):
            begin += len(text) - len(text.lstrip())
        if behind is not None and self._vocabulary.takes_space_before(behind):
            end -= len(text) - len(text.rstrip())
        return begin, end

    def _specials_in(self, text: str) -> list[tuple[int, int, int]]:
        """Start, end and token of each special token that llama.cpp finds spelled in `text`."""
        found: list[tuple[int, int, int]] = []
        begin = 0
        for token in self._vocabulary.tokenize_continuation(text):
            if self._vocabulary.is_reserved(token):
                spelling = self._vocabulary.text(token)
                start = text.find(spelling, begin) if spelling else -1
                if start >= 0:
                    begin = start + len(spelling)
                    found.append((start, begin, token))
        return found

    def _remember(self, text: str, protected: str) -> str:
        """A conversation comes whole with each turn, and to look through it takes as long as to tokenize it."""
        self._known[text] = protected
        self._known_characters += len(text)
        while self._known_characters > _MOST_KNOWN_CHARACTERS:
            self._known_characters -= len(oldest := next(iter(self._known)))
            del self._known[oldest]
        return protected

    def _protect_text(self, text: str) -> str:
        # More than once, as what is left may spell another one together.
        for _ in range(_MOST_ROUNDS):
            specials = self._specials_in(text)
            if not specials:
                break
            for start, end, token in reversed(specials):
                text = f"{text[:start]}{self._nonce}{token:0{_TOKEN_DIGITS}}{text[end:]}"
        return text
