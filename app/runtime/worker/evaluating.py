"""A model's logits for a text that is there already, all tokens of it at once."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from app.core.errors import Cancelled, LoadFailed
from app.runtime.outputs import BATCH_TOKENS, outputs_at_once
from app.runtime.worker.loading import LlamaModel
from app.runtime.worker.stop_flag import StopFlag


def logits_after(
    model: LlamaModel, tokens: Sequence[int], first: int, stop: StopFlag
) -> Iterator[NDArray[np.float32]]:
    """The logits after each of `tokens[first:]`, which are a text from its beginning: a row for each and a column per
    entry of the vocabulary, some rows at a time, in llama.cpp's own buffer. They hold until the next are asked for.

    It takes the first slot's KV cache for itself and leaves it empty. The last conversation there stays known,
    so that its next turn is spelled in the same tokens as if nothing had been between.
    Raises LoadFailed, Cancelled.
    """
    slot = model.slots[0]  # the one that llama_batch_get_one means
    slot.forget_beyond(0)
    try:
        for start in range(0, first, BATCH_TOKENS):
            _evaluate(model, tokens[start : min(start + BATCH_TOKENS, first)], stop, wants_logits=False)
        size = outputs_at_once(model.vocabulary.size, BATCH_TOKENS)
        for start in range(first, len(tokens), size):
            batch = tokens[start : start + size]
            _evaluate(model, batch, stop, wants_logits=True)
            logits = llama_cpp.llama_get_logits(model.context)
            yield np.ctypeslib.as_array(logits, (len(batch), model.vocabulary.size))
    finally:
        slot.forget_beyond(0)


def _evaluate(model: LlamaModel, tokens: Sequence[int], stop: StopFlag, *, wants_logits: bool) -> None:
    count = len(tokens)
    ids = (ctypes.c_int32 * count)(*tokens)  # the batch only points to them: they must outlive the decode
    batch = llama_cpp.llama_batch_get_one(ids, count)
    batch.logits = (ctypes.c_int8 * count)(*[wants_logits] * count)
    code = llama_cpp.llama_decode(model.context, batch)
    if stop.is_set:
        raise Cancelled
    if code != 0:
        raise LoadFailed(
            f"llama.cpp could not evaluate the text (code {code}).",
            "Try again; if it happens again, choose another model.",
        )
