"""Dialogues as tokens, exactly as the runtime makes them of the rendered template."""

from __future__ import annotations

from collections.abc import Sequence

import sentencepiece

from resources.guide.dialogue import Message, marker

QUESTION_WEIGHT = (
    0.1  # questions are learnt a little: text the model cannot predict at all says nothing about it
)

Tokens = tuple[list[int], list[float]]  # token ids, and the weight each has as a prediction


class Speller:
    """Dialogues to tokens, exactly as the runtime makes them of the rendered template."""

    def __init__(self, tokenizer: sentencepiece.SentencePieceProcessor) -> None:
        self._tokenizer = tokenizer
        self._end = tokenizer.eos_id()
        self._begin = tokenizer.bos_id()
        self.unknown = tokenizer.unk_id()

    def spelled(self, content: str) -> list[int]:
        """One message without its marker, with its end."""
        return [*self._tokenizer.encode(content), self._end]

    def tokens(self, messages: Sequence[Message]) -> Tokens:
        ids, weights = [self._begin], [0.0]
        for role, content in messages:
            spelled = self.spelled(content)
            weight = {"system": 0.0, "user": QUESTION_WEIGHT, "assistant": 1.0}[role]
            ids += [self._tokenizer.piece_to_id(marker(role)), *spelled]
            weights += [0.0, *[weight] * len(spelled)]
        return ids, weights
