"""One answer while it is made: its tokens, its text, and the figures it ends with."""

from __future__ import annotations

import time
from collections.abc import Callable

from app.runtime.protocol import (
    Generated,
    GenerationStatistics,
    Piece,
    PromptProgress,
    Reply,
    Sampling,
)
from app.runtime.worker.answer_text import AnswerText
from app.runtime.worker.answers import Part
from app.runtime.worker.choices import Choices
from app.runtime.worker.probabilities import TokenProbabilities
from app.runtime.worker.prompting import Prompt
from app.runtime.worker.sampling import Sampler
from app.runtime.worker.slots import Slot
from app.runtime.worker.vocabulary import Vocabulary

FRAME_S = 1 / 30
"""Text is sent at most once in two display frames: each message wakes the application, which on a
machine with all cores computing costs the answer itself more time than anyone sees in the text."""


class Answer:
    """`tokens` are those of prompt and answer, of which the slot has the first in the cache.

    `finish_reason` is None while the answer goes on. Its sampler is closed by whoever ends it.

    Between two tokens of most answers nothing is done but `write`, which chooses the next one: on a small model
    each line of Python shows. `look` catches up with all else.
    """

    def __init__(
        self,
        number: int,
        slot: Slot,
        prompt: Prompt,
        text: AnswerText,
        sampling: Sampling,
        sampler: Sampler,
        probabilities: TokenProbabilities,
        vocabulary: Vocabulary,
        context_length: int,
        arrived_at: float,
        report: Callable[[Reply], None],
        tells_tokens: bool = False,
    ) -> None:
        """`number` of the call; `slot` keeps as many tokens as can be reused."""
        self.number = number
        self.slot = slot
        self.sampler = sampler
        self.tokens = list(prompt.tokens)
        self.finish_reason: str | None = None
        self._prompt = prompt.spelling
        self._dropped_messages = prompt.dropped_messages
        self._given = len(prompt.begins)
        self._continued = prompt.written[1] + self._given
        self._sampling = sampling
        self._probabilities = probabilities
        self._vocabulary = vocabulary
        self._choose, self._written = sampler.sample, vocabulary.written  # looked up once, for `write`
        self._context_length = context_length
        self._limit = len(self.tokens) + (sampling.max_tokens or context_length)
        self._look_at = 0
        self._has_stops = bool(sampling.stop)
        self._arrived_at = arrived_at
        self._report = report
        self._tells_tokens = tells_tokens
        self._text = text
        for token in prompt.begins:
            text.feed(vocabulary.written(token) or b"")
        self._end: int | None = None
        self._shown: list[Part] = []
        self._choices = Choices()
        self._reused = len(slot.cached)
        self._furthest = self._reused
        self.begun_at = time.perf_counter()
        self._prompt_s = 0.0
        self._first_token_at: float | None = None
        self._last_token_at = 0.0
        self._sent_at = 0.0
        self._report_progress()

    @property
    def unevaluated(self) -> int:
        return len(self.tokens) - len(self.slot.cached)

    def has_evaluated(self) -> None:
        """More of the prompt is in the cache."""
        self._furthest = max(self._furthest, len(self.slot.cached))
        if len(self.slot.cached) == len(self.tokens):
            self._prompt_s = time.perf_counter() - self.begun_at
        self._report_progress()

    @property
    def count(self) -> int:
        """How many tokens the answer has, without the one that ends it."""
        return len(self.tokens) - len(self._prompt.tokens)

    def write(self, context: object, output: int) -> bool:
        """Chooses the token after the last of `tokens`, which is at index `output` of the last batch. True where
        it must be looked at before the next.

        Raises GrammarFault, LoadFailed.
        """
        token = self._choose(context, output)
        piece = self._written(token)
        if piece is None:
            self._end = token
            return True
        self.tokens.append(token)
        if self._probabilities.wanted:
            self._choices.add(self._text.characters, self._probabilities.after(context, output, token))
        self._text.feed(piece)
        return len(self.tokens) >= self._look_at or (self._has_stops and self._text.has_stopped)

    def look(self, now: float) -> None:
        """Shows what has been written, the last of it `now` (`time.perf_counter`), and finds out whether that was
        all."""
        self._last_token_at = now
        if self._first_token_at is None:
            self._first_token_at = now
        if now - self._sent_at >= FRAME_S:
            self._sent_at = now
            self._send()
        if self._end is not None or self._text.has_stopped:
            self.finish_reason = "stop"
        elif len(self.tokens) >= self._limit:
            self.finish_reason = "length"
        elif len(self.tokens) > self._context_length:
            self.finish_reason = "context"
        self._look_at = min(self._limit, self._context_length + 1)

    def finish(self, memory_bytes: int) -> Generated:
        """Sends what was held back. The slot knows afterwards how the conversation is spelled."""
        self._text.finish("" if self._end is None else self._vocabulary.mark_of(self._end))
        self._send()
        self.slot.spelling = self._prompt.with_answer(self._text.raw, self.tokens[len(self._prompt.tokens) :])
        return Generated(
            text="".join(part.text for part in self._shown if part.kind == "answer"),
            reasoning="".join(part.text for part in self._shown if part.kind == "reasoning"),
            tool_calls=tuple(self._text.tool_calls),
            probabilities=self._choices.until(self._text.read_characters, cut=self._text.has_stopped),
            statistics=self._statistics(memory_bytes),
            conversation=self._conversation(),
        )

    def _conversation(self) -> tuple[int, ...]:
        if not self._tells_tokens:
            return ()
        return (*self.tokens, self._end) if self._end is not None else tuple(self.tokens)

    def _send(self) -> None:
        for part in self._text.take():
            self._shown.append(part)
            told = self._choices.new_until(self._text.read_characters)
            self._report(Piece(text=part.text, tokens=self.count, kind=part.kind, probabilities=told))

    def _report_progress(self) -> None:
        total = len(self._prompt.tokens) + self._given
        self._report(
            PromptProgress(
                done=len(self.slot.cached),
                total=total,
                reused=self._reused,
                dropped_messages=self._dropped_messages,
            )
        )

    def _statistics(self, memory_bytes: int) -> GenerationStatistics:
        first = self._first_token_at
        decode_s = self._last_token_at - first if first is not None else 0.0
        # A final end-of-generation token was decoded for like any other; count intervals, not tokens.
        chosen = self.count - self._given
        intervals = chosen if self._end is not None else chosen - 1
        evaluated = self._furthest - self._reused
        return GenerationStatistics(
            prompt_tokens=len(self._prompt.tokens),
            evaluated_tokens=evaluated,
            tokens=chosen,
            prompt_s=self._prompt_s,
            prompt_tokens_per_s=evaluated / self._prompt_s if self._prompt_s > 0 else 0.0,
            time_to_first_token_s=(first or time.perf_counter()) - self._arrived_at,
            tokens_per_s=max(intervals, 0) / decode_s if decode_s > 0 else 0.0,
            memory_bytes=memory_bytes,
            seed=self._sampling.seed,
            finish_reason=self.finish_reason or "cancelled",
            dropped_messages=self._dropped_messages,
            continued_tokens=self._continued,
        )
