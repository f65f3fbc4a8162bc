"""Which tokens write a conversation: the tokenizer's for what is new, the model's own for what it wrote.

A model may spell its answer in other tokens than the tokenizer would choose for the same text. Where a
prompt goes on from a place of a conversation that is known, its spelling is kept up to there, so that only
what is new is evaluated.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.runtime.worker.typed_specials import TypedSpecials
from app.runtime.worker.vocabulary import Vocabulary

UNREADABLE = "\ufffd"
"""Stands for bytes that are no character: such text no longer tells which tokens it was."""


@dataclass(frozen=True)
class Spelling:
    """A conversation as text and as tokens. `marks`: places where both are cut alike, as the numbers of
    characters and of tokens before them, in order: where prompts and answers end."""

    text: str = ""
    tokens: tuple[int, ...] = ()
    marks: tuple[tuple[int, int], ...] = ()

    def with_answer(self, text: str, tokens: Sequence[int]) -> Spelling:
        """What follows when `tokens` were written, which read `text`."""
        if UNREADABLE in text:
            return self
        whole, spelled = self.text + text, (*self.tokens, *tokens)
        return Spelling(whole, spelled, (*self.marks, (len(whole), len(spelled))))


def spell(
    prompt: str, vocabulary: Vocabulary, typed_specials: TypedSpecials, known: Iterable[Spelling]
) -> Spelling:
    """`prompt`, which may have marks of `typed_specials`, in tokens, which are those of a known conversation as far as
    it goes on from one.

    Only at a control token, and where nothing follows: elsewhere text cut in two may tokenize differently.
    """
    marks = [(mark, spelling) for spelling in known for mark in spelling.marks]
    for (characters, count), spelling in sorted(marks, key=lambda each: each[0], reverse=True):
        if prompt[:characters] == spelling.text[:characters]:
            rest = typed_specials.tokenize(prompt[characters:], continues=True)
            if not rest or vocabulary.is_control(rest[0]):
                kept = tuple(mark for mark in spelling.marks if mark <= (characters, count))
                return _spelling(prompt, (*spelling.tokens[:count], *rest), kept)
    return _spelling(prompt, tuple(typed_specials.tokenize(prompt)), ())


def _spelling(prompt: str, tokens: tuple[int, ...], kept: tuple[tuple[int, int], ...]) -> Spelling:
    end = (len(prompt), len(tokens))
    return Spelling(prompt, tokens, kept if kept[-1:] == (end,) else (*kept, end))
