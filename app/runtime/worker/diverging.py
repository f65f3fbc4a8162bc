"""How much two models differ on one text: the logits of the reference go through a file to the other."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import FileIO

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from app.core.errors import LoadFailed, OtherVocabulary, PromptTooLong, from_os_error
from app.runtime.protocol import (
    Diverge,
    Diverged,
    Divergences,
    LogitsWritten,
    Reply,
    ScoreProgress,
    TokenDivergence,
    TokenView,
    WriteLogits,
)
from app.runtime.worker.distribution import Distribution
from app.runtime.worker.evaluating import logits_after
from app.runtime.worker.kl_divergence import kl_divergence
from app.runtime.worker.loading import LlamaModel
from app.runtime.worker.probabilities import likeliest_of
from app.runtime.worker.stop_flag import StopFlag
from app.runtime.worker.vocabulary import Vocabulary


def write_logits(
    model: LlamaModel, request: WriteLogits, report: Callable[[Reply], None], stop: StopFlag
) -> LogitsWritten:
    """Raises PromptTooLong, LoadFailed, Cancelled, DiskFull or another fault of the file."""
    _require_room(model, request.tokens)
    done = request.start
    try:
        with open(request.path, "wb") as file:
            for logits in logits_after(model, request.tokens[:-1], request.start - 1, stop):
                file.write(logits.data)
                done += len(logits)
                report(ScoreProgress(done=done, total=len(request.tokens)))
    except OSError as error:
        raise from_os_error(error, os.fsdecode(request.path), writing=True) from error
    return LogitsWritten(vocabulary=model.vocabulary.fingerprint)


def diverge(model: LlamaModel, request: Diverge, report: Callable[[Reply], None], stop: StopFlag) -> Diverged:
    """Raises OtherVocabulary, PromptTooLong, LoadFailed, Cancelled or a fault of the file."""
    if request.vocabulary != model.vocabulary.fingerprint:
        raise OtherVocabulary(
            "These models write in different tokens, so one cannot tell what it expects at the other's.",
            "Compare their texts, or two quantizations of one model.",
        )
    _require_room(model, request.tokens)
    done = request.start
    threads = int(llama_cpp.llama_n_threads_batch(model.context))  # which llama.cpp does not need meanwhile
    try:
        with open(request.path, "rb", buffering=0) as file, ThreadPoolExecutor(threads) as pool:
            places = _Places(model.vocabulary, file, request.start, request.top)
            for logits in logits_after(model, request.tokens[:-1], request.start - 1, stop):
                tokens = request.tokens[done : done + len(logits)]
                found = pool.map(places.differ, range(done, done + len(logits)), tokens, logits)
                report(Divergences(tokens=tuple(found)))
                done += len(logits)
                report(ScoreProgress(done=done, total=len(request.tokens)))
    except OSError as error:
        raise from_os_error(error, os.fsdecode(request.path)) from error
    return Diverged()


def _require_room(model: LlamaModel, tokens: Sequence[int]) -> None:
    if len(tokens) - 1 > model.context_length:  # nothing comes after the last
        raise PromptTooLong(
            f"This conversation has {len(tokens)} tokens; the context holds {model.context_length}.",
            "Load the model with a longer context.",
        )


class _Places:
    """Tells how the models differ at one place of the text, for several threads: each has two rows of logits at a time.

    `file` has those of the reference, from the place `start` on.
    """

    def __init__(self, vocabulary: Vocabulary, file: FileIO, start: int, top: int) -> None:
        self._vocabulary = vocabulary
        self._file = file
        self._start = start
        self._top = min(top, vocabulary.size)
        self._lock = threading.Lock()

    def differ(self, place: int, token: int, logits: NDArray[np.float32]) -> TokenDivergence:
        """Raises LoadFailed where the file has nothing of the place."""
        reference, other = Distribution.of(self._read(place)), Distribution.of(logits)
        return TokenDivergence(
            token=token,
            text=self._vocabulary.piece(token) or self._vocabulary.name(token),
            kl_divergence=kl_divergence(reference, other),
            reference=self._view(reference, token),
            other=self._view(other, token),
        )

    def _read(self, place: int) -> NDArray[np.float32]:
        row = np.empty(self._vocabulary.size, np.float32)
        with self._lock:
            self._file.seek((place - self._start) * row.nbytes)
            if self._file.readinto(row.data) < row.nbytes:
                raise LoadFailed("What the reference model wrote of its logits is not whole.", "Try again.")
        return row

    def _view(self, distribution: Distribution, token: int) -> TokenView:
        return TokenView(
            log_probability=distribution.log_probability(token),
            rank=distribution.rank(token),
            likeliest=likeliest_of(distribution, self._top, self._vocabulary),
        )
