"""How much two models differ on one text: the logits of the reference go through a file to the other."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import IO

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
    TokenProbability,
    TokenView,
    WriteLogits,
)
from app.runtime.worker.evaluating import logits_after
from app.runtime.worker.kl_divergence import Distribution, kl_divergence
from app.runtime.worker.loading import LlamaModel
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
    try:
        with open(request.path, "rb") as file:
            for logits in logits_after(model, request.tokens[:-1], request.start - 1, stop):
                tokens = request.tokens[done : done + len(logits)]
                report(
                    Divergences(tokens=tuple(_differ(model.vocabulary, file, logits, tokens, request.top)))
                )
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


def _differ(
    vocabulary: Vocabulary, file: IO[bytes], logits: NDArray[np.float32], tokens: Sequence[int], top: int
) -> list[TokenDivergence]:
    """`logits`: a row for each of `tokens`, as in the file. A row of it at a time, so that memory stays small."""
    found = []
    for row, token in zip(logits, tokens, strict=True):
        theirs = np.fromfile(file, np.float32, vocabulary.size)
        if len(theirs) < vocabulary.size:
            raise LoadFailed("What the reference model wrote of its logits is not whole.", "Try again.")
        reference, other = Distribution.of(theirs), Distribution.of(row)
        found.append(
            TokenDivergence(
                token=token,
                text=_text(vocabulary, token),
                kl_divergence=kl_divergence(reference, other),
                reference=_view(vocabulary, reference, token, top),
                other=_view(vocabulary, other, token, top),
            )
        )
    return found


def _view(vocabulary: Vocabulary, distribution: Distribution, token: int, top: int) -> TokenView:
    return TokenView(
        log_probability=distribution.log_probability(token),
        rank=distribution.rank(token),
        likeliest=tuple(
            TokenProbability(
                token=each, text=_text(vocabulary, each), log_probability=distribution.log_probability(each)
            )
            for each in distribution.likeliest(min(top, vocabulary.size))
        ),
    )


def _text(vocabulary: Vocabulary, token: int) -> bytes:
    return vocabulary.piece(token) or vocabulary.name(token)
