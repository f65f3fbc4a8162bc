"""How fast the model is, measured as llama-bench does: nothing but llama_decode between two looks at the clock."""

from __future__ import annotations

import ctypes
import random
import time
from collections.abc import Callable

import llama_cpp

from app.core.errors import Cancelled, LoadFailed, PromptTooLong
from app.runtime.protocol import Bench, Benched, BenchProgress, BenchTimes, Reply
from app.runtime.worker.loading import LlamaModel
from app.runtime.worker.stop_flag import StopFlag


def bench(model: LlamaModel, request: Bench, report: Callable[[Reply], None], stop: StopFlag) -> Benched:
    """Takes the first slot's KV cache for itself and leaves it empty.

    Each measurement follows one that does not count: the whole prompt, and one token, as there.
    Raises PromptTooLong, LoadFailed, Cancelled.
    """
    longest = max(request.prompt_tokens, request.generated_tokens)
    if longest > model.context_length:
        raise PromptTooLong(
            f"{longest:,} tokens do not fit into the context, which holds {model.context_length:,}.",
            "Measure with fewer tokens.",
        )
    speed = _Stopwatch(model, stop)
    prompt_s: list[float] = []
    generate_s: list[float] = []
    total = request.repetitions * ((request.prompt_tokens > 0) + (request.generated_tokens > 0))

    def measure(into: list[float], take: Callable[[int], float], warm_up_tokens: int, tokens: int) -> None:
        if tokens == 0:
            return
        take(warm_up_tokens)
        for _ in range(request.repetitions):
            into.append(take(tokens))
            report(BenchProgress(done=len(prompt_s) + len(generate_s), total=total))

    try:
        measure(prompt_s, speed.prompt, request.prompt_tokens, request.prompt_tokens)
        measure(generate_s, speed.generate, 1, request.generated_tokens)
    finally:
        model.slots[0].forget_beyond(0)
    return Benched(times=BenchTimes(prompt_s=tuple(prompt_s), generate_s=tuple(generate_s)))


class _Stopwatch:
    """Each measurement begins with an empty cache."""

    def __init__(self, model: LlamaModel, stop: StopFlag) -> None:
        self._model = model
        self._stop = stop

    def prompt(self, count: int) -> float:
        """Seconds to evaluate `count` tokens in batches."""
        batches = [
            self._random_tokens(min(self._model.batch_tokens, count - start))
            for start in range(0, count, self._model.batch_tokens)
        ]
        return self._decode(batches)

    def generate(self, count: int) -> float:
        """Seconds to decode `count` tokens one by one."""
        return self._decode([self._random_tokens(1) for _ in range(count)])

    def _random_tokens(self, count: int) -> ctypes.Array[ctypes.c_int32]:
        size = self._model.vocabulary.size
        return (ctypes.c_int32 * count)(*(random.randrange(size) for _ in range(count)))

    def _decode(self, batches: list[ctypes.Array[ctypes.c_int32]]) -> float:
        self._model.slots[0].forget_beyond(0)  # the one that llama_batch_get_one means
        context, decode, synchronize = (
            self._model.context,
            llama_cpp.llama_decode,
            llama_cpp.llama_synchronize,
        )
        prepared = [llama_cpp.llama_batch_get_one(tokens, len(tokens)) for tokens in batches]
        start = time.perf_counter()
        for batch in prepared:
            code = decode(context, batch)
            if code != 0 or self._stop.is_set:
                self._explain(code)
            synchronize(context)
        return time.perf_counter() - start

    def _explain(self, code: int) -> None:
        if self._stop.is_set:
            raise Cancelled
        raise LoadFailed(
            f"llama.cpp could not evaluate {self._model.context_length} tokens (code {code}).",
            "Try again; if it happens again, choose another model.",
        )
