"""One answer: evaluate what is new of the prompt, then decode token by token.

Drives llama.cpp's low-level API. The loop's own work per token (one sample, one dictionary
look-up, one reused batch) is what stands between llama-bench's speed and ours.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

import llama_cpp

from app.core.errors import LoadFailed, PromptTooLong
from app.runtime.protocol import Generate, Generated, GenerationStatistics, Piece, PromptProgress, Reply
from app.runtime.worker.loading import LlamaModel
from app.runtime.worker.sampling import Sampler, make_sampler
from app.runtime.worker.templates import render_prompt
from app.runtime.worker.text_stream import TextStream

if TYPE_CHECKING:
    from app.runtime.worker.main import StopFlag

FRAME_S = 1 / 30
"""Text is sent at most once in two display frames: each message wakes the application, which on a
machine with all cores computing costs the answer itself more time than anyone sees in the text."""

DECODE_ABORTED = 2
DECODE_NO_SLOT = 1


class _Stopped(Exception):
    """The stop flag was seen inside or between two decodes."""


def generate(
    model: LlamaModel,
    request: Generate,
    arrived_at: float,
    report: Callable[[Reply], None],
    stop: StopFlag,
) -> Generated:
    """Answers the conversation in `request`.

    A stop at any point is a normal end with finish reason 'cancelled'.
    Raises TemplateFault and PromptTooLong.
    """
    vocabulary = model.vocabulary
    messages = model.typed_specials.protect(request.messages)
    prompt = render_prompt(model.chat_template, messages, vocabulary.bos_text, vocabulary.eos_text)
    tokens = _prompt_tokens(model, prompt)
    if len(tokens) >= model.context_length:
        raise PromptTooLong(
            f"This conversation has {len(tokens)} tokens; the context holds {model.context_length}.",
            "Start a new chat or shorten the prompt.",
        )
    model.conversation = None  # should anything go wrong from here on
    answer = _Answer(model, request, arrived_at, report, stop)
    answer.evaluate_prompt(tokens)
    answer.decode()
    if not answer.broke_off:
        model.conversation = prompt + model.typed_specials.protect(answer.text), answer.spelling
    return Generated(text=answer.text, statistics=answer.statistics())


class _Answer:
    """The state of one answer while it is made."""

    def __init__(
        self,
        model: LlamaModel,
        request: Generate,
        arrived_at: float,
        report: Callable[[Reply], None],
        stop: StopFlag,
    ) -> None:
        self._model = model
        self._sampling = request.sampling
        self._arrived_at = arrived_at
        self._report = report
        self._stop = stop
        self._parts: list[str] = []
        self._prompt_tokens = 0
        self._evaluated_tokens = 0
        self._tokens = 0
        self._prompt_s = 0.0
        self._first_token_at: float | None = None
        self._last_token_at = 0.0
        self._finish_reason = "cancelled"
        self._unevaluated: list[int] = []

    @property
    def text(self) -> str:
        return "".join(self._parts)

    @property
    def broke_off(self) -> bool:
        """The text does not match the tokens to the byte, so it cannot be continued as text."""
        return self._finish_reason == "cancelled" or "\ufffd" in self.text

    @property
    def spelling(self) -> list[int]:
        """The tokens of prompt and answer. The last one was not evaluated when a limit ended the answer."""
        return [*self._model.cached_tokens, *self._unevaluated]

    def evaluate_prompt(self, tokens: list[int]) -> None:
        started = time.perf_counter()
        self._prompt_tokens = len(tokens)
        reused = _reuse_cache(self._model, tokens)
        self._report(PromptProgress(done=reused, total=len(tokens), reused=reused))
        try:
            for start in range(reused, len(tokens), self._model.batch_tokens):
                batch = tokens[start : start + self._model.batch_tokens]
                self._decode_batch((ctypes.c_int32 * len(batch))(*batch), len(batch))
                self._model.cached_tokens += batch
                self._evaluated_tokens += len(batch)
                self._report(PromptProgress(done=start + len(batch), total=len(tokens), reused=reused))
        except _Stopped:
            return
        self._prompt_s = time.perf_counter() - started

    def decode(self) -> None:
        if self._stop.is_set():
            return
        with closing(make_sampler(self._sampling, self._model.vocabulary.size)) as sampler:
            try:
                self._decode_tokens(sampler)
            except _Stopped:
                self._finish_reason = "cancelled"

    def _decode_tokens(self, sampler: Sampler) -> None:
        vocabulary, context, cached = self._model.vocabulary, self._model.context, self._model.cached_tokens
        limit = self._sampling.max_tokens or self._model.context_length
        stream = TextStream()
        pending: list[str] = []
        sent_at = 0.0
        next_token = (ctypes.c_int32 * 1)()
        batch = llama_cpp.llama_batch_get_one(next_token, 1)
        decode = llama_cpp.llama_decode
        try:
            while True:
                token = sampler.sample(context)
                now = time.perf_counter()
                if self._first_token_at is None:
                    self._first_token_at = now
                self._last_token_at = now
                if vocabulary.is_end(token):
                    self._finish_reason = "stop"
                    return
                self._tokens += 1
                pending.append(stream.feed(vocabulary.piece(token)))
                if now - sent_at >= FRAME_S:
                    sent_at = now
                    self._send(pending)
                if self._tokens >= limit or len(cached) >= self._model.context_length:
                    self._finish_reason = "length" if self._tokens >= limit else "context"
                    self._unevaluated = [token]
                    return
                next_token[0] = token
                code = decode(context, batch)
                if code != 0 or self._stop.is_set():
                    self._explain(code)
                cached.append(token)
        finally:
            pending.append(stream.finish())
            self._send(pending)

    def _send(self, pending: list[str]) -> None:
        text = "".join(pending)
        pending.clear()
        if text:
            self._parts.append(text)
            self._report(Piece(text=text, tokens=self._tokens))

    def _decode_batch(self, tokens: object, count: int) -> None:
        code = llama_cpp.llama_decode(self._model.context, llama_cpp.llama_batch_get_one(tokens, count))
        if code != 0 or self._stop.is_set():
            self._explain(code)

    def _explain(self, code: int) -> None:
        # What was decoded only in part must not be taken for cached.
        self._model.forget_beyond(len(self._model.cached_tokens))
        if code == DECODE_ABORTED or self._stop.is_set():
            raise _Stopped
        if code == DECODE_NO_SLOT:
            raise PromptTooLong(
                f"The context of {self._model.context_length} tokens is full.",
                "Start a new chat.",
            )
        raise LoadFailed(
            f"llama.cpp could not evaluate the prompt (code {code}).",
            "Try again; if it happens again, choose another model.",
        )

    def statistics(self) -> GenerationStatistics:
        first = self._first_token_at
        decode_s = self._last_token_at - first if first is not None else 0.0
        # A final end-of-generation token was decoded for like any other; count intervals, not tokens.
        intervals = self._tokens if self._finish_reason == "stop" else self._tokens - 1
        return GenerationStatistics(
            prompt_tokens=self._prompt_tokens,
            evaluated_tokens=self._evaluated_tokens,
            tokens=self._tokens,
            prompt_s=self._prompt_s,
            prompt_tokens_per_s=self._evaluated_tokens / self._prompt_s if self._prompt_s > 0 else 0.0,
            time_to_first_token_s=(first or time.perf_counter()) - self._arrived_at,
            tokens_per_s=max(intervals, 0) / decode_s if decode_s > 0 else 0.0,
            memory_bytes=self._model.memory_in_use(),
            seed=self._sampling.seed,
            finish_reason=self._finish_reason,
        )


def _prompt_tokens(model: LlamaModel, prompt: str) -> list[int]:
    """The tokens of `prompt`, keeping those of the last conversation for the text they stand for.

    A model may spell its answer in other tokens than the tokenizer would choose for the same
    text. Where the prompt continues the last conversation, the model's spelling is kept, so
    that a second turn evaluates only what is new. Only at a control token: elsewhere text cut
    in two may tokenize differently.
    """
    text, spelling = model.conversation or ("", [])
    if text and prompt.startswith(text):
        rest = model.typed_specials.tokenize(prompt[len(text) :], continues=True)
        if rest and model.vocabulary.is_control(rest[0]):
            return [*spelling, *rest]
    return model.typed_specials.tokenize(prompt)


def _reuse_cache(model: LlamaModel, tokens: list[int]) -> int:
    """Keeps the longest common prefix in the KV cache; returns its length.

    At least the last token is evaluated again, since its logits are needed.
    """
    common = 0
    for cached, wanted in zip(model.cached_tokens, tokens[:-1], strict=False):
        if cached != wanted:
            break
        common += 1
    return model.forget_beyond(common)
