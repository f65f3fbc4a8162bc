"""How probable a text is to the model: the log-probability of every token given those before it."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from app.core.errors import Cancelled, LoadFailed, PromptTooLong
from app.runtime.outputs import BATCH_TOKENS, outputs_at_once
from app.runtime.protocol import Reply, Score, Scored, ScoreProgress
from app.runtime.worker.loading import LlamaModel
from app.runtime.worker.log_softmax import log_probabilities
from app.runtime.worker.stop_flag import StopFlag


def score(model: LlamaModel, request: Score, report: Callable[[Reply], None], stop: StopFlag) -> Scored:
    """Scores the text of `request`.

    It takes the first slot's KV cache for itself and leaves it empty. The last conversation there stays known,
    so that its next turn is spelled in the same tokens as if nothing had been between.
    Raises PromptTooLong, LoadFailed, Cancelled.
    """
    tokens = _tokens(model, request)
    found: list[float] = []
    total = max(len(tokens) - 1, 0)  # nothing comes before the first
    size = outputs_at_once(model.vocabulary.size, BATCH_TOKENS)
    with _empty_cache(model):
        for start in range(0, total, size):
            batch = tokens[start : min(start + size, total)]
            logits = _evaluate(model, batch, stop)
            found += log_probabilities(logits, tokens[start + 1 : start + 1 + len(batch)])
            report(ScoreProgress(done=len(found), total=total))
    return Scored(tokens=tuple(tokens), log_probabilities=tuple(found))


def _tokens(model: LlamaModel, request: Score) -> list[int]:
    vocabulary, room = model.vocabulary, model.context_length
    hint = "Cut it into shorter pieces."
    # Not left to the tokenizer: llama.cpp's for SentencePiece vocabularies takes time with the square of
    # how many characters the vocabulary does not know (three seconds for 100,000, hours for millions).
    if len(request.text.encode("utf-8")) > room * vocabulary.longest_token:
        characters = f"{len(request.text):,} characters"
        raise PromptTooLong(f"This text has {characters}; the context holds {room} tokens.", hint)
    tokens = vocabulary.tokenize_text(request.text, parse_special=request.parse_special)
    if len(tokens) > room:
        raise PromptTooLong(f"This text has {len(tokens)} tokens; the context holds {room}.", hint)
    return tokens


@contextmanager
def _empty_cache(model: LlamaModel) -> Iterator[None]:
    """Empty before and, whatever happens, after."""
    slot = model.slots[0]  # the one that llama_batch_get_one means
    slot.forget_beyond(0)
    try:
        yield
    finally:
        slot.forget_beyond(0)


def _evaluate(model: LlamaModel, tokens: list[int], stop: StopFlag) -> NDArray[np.float32]:
    """The logits after each of `tokens`, a row for each, in llama.cpp's own buffer: they hold until
    the next decode."""
    count = len(tokens)
    ids = (ctypes.c_int32 * count)(*tokens)  # the batch only points to them: they must outlive the decode
    batch = llama_cpp.llama_batch_get_one(ids, count)
    batch.logits = (ctypes.c_int8 * count)(*[1] * count)
    code = llama_cpp.llama_decode(model.context, batch)
    if stop.is_set:
        raise Cancelled
    if code != 0:
        raise LoadFailed(
            f"llama.cpp could not evaluate the text (code {code}).",
            "Try again; if it happens again, choose another model.",
        )
    logits = llama_cpp.llama_get_logits(model.context)
    return np.ctypeslib.as_array(logits, (count, model.vocabulary.size))
