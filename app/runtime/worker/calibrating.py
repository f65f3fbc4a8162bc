"""The importance matrix of the loaded model over a text, taken as llama-imatrix takes it."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import llama_cpp

from app.core.errors import Cancelled, LoadFailed, TooLittleMemory, WrongChoice
from app.gguf.importance import ImportanceMatrix, write_importance
from app.runtime.protocol import Calibrate, Calibrated, CalibrateProgress, Reply
from app.runtime.worker.graph_tensor import require_known_layout
from app.runtime.worker.importance import ImportanceCollector
from app.runtime.worker.loading import LlamaModel
from app.runtime.worker.parameters import abort_callback
from app.runtime.worker.stop_flag import StopFlag
from app.runtime.worker.threads import Threads

CHUNK_TOKENS = 512
"""What llama-imatrix takes where it is not told otherwise."""
_FEWEST_CHUNKS = 2
_TOGETHER = 4
"""Chunks that llama-imatrix evaluates at once."""


def calibrate(
    model: LlamaModel, request: Calibrate, report: Callable[[Reply], None], stop: StopFlag
) -> Calibrated:
    """Each chunk is read from its beginning, with the model's start token in place of its first.

    Raises WrongChoice for too short a text, LoadFailed, TooLittleMemory, DiskFull or another fault of the file, and
    Cancelled.
    """
    require_known_layout()
    with stop.ends_process():  # nothing interrupts the tokenizer, which may take minutes for some texts
        tokens = model.vocabulary.tokenize_text(request.text, parse_special=False)
    chunks = _chunks(tokens, model)
    collector = ImportanceCollector()
    with _context(model, collector, stop) as context:
        report(CalibrateProgress(done=0, total=len(chunks)))
        for done, chunk in enumerate(chunks, start=1):
            llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), True)
            for part in _parts(chunk, done, len(chunks)):
                _evaluate(context, part, collector, stop)
            report(CalibrateProgress(done=done, total=len(chunks)))
    matrix = ImportanceMatrix(collector.importance(), (request.dataset,), len(chunks), CHUNK_TOKENS)
    write_importance(matrix, Path(os.fsdecode(request.path)))
    return Calibrated(chunks=len(chunks))


def _chunks(tokens: Sequence[int], model: LlamaModel) -> list[list[int]]:
    """What is left over at the end is not used."""
    count = len(tokens) // CHUNK_TOKENS
    if count < _FEWEST_CHUNKS:
        fewest = _FEWEST_CHUNKS * CHUNK_TOKENS
        raise WrongChoice(
            f"This text has {len(tokens):,} tokens; an importance matrix takes {fewest:,} at least.",
            "Choose a longer text: 100,000 characters of what you use the model for are a good one.",
        )
    chunks = [
        list(tokens[start : start + CHUNK_TOKENS]) for start in range(0, count * CHUNK_TOKENS, CHUNK_TOKENS)
    ]
    first = model.vocabulary.start_token
    return chunks if first is None else [[first, *chunk[1:]] for chunk in chunks]


@contextmanager
def _context(model: LlamaModel, collector: ImportanceCollector, stop: StopFlag) -> Iterator[object]:
    """A second one of the loaded model, for one chunk at a time and with the collector as its observer."""
    parameters = llama_cpp.llama_context_default_params()
    parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = CHUNK_TOKENS
    parameters.n_outputs_max = CHUNK_TOKENS
    parameters.n_seq_max = 1
    parameters.swa_full = False
    parameters.n_threads = llama_cpp.llama_n_threads(model.context)
    parameters.n_threads_batch = llama_cpp.llama_n_threads_batch(model.context)
    parameters.no_perf = True
    parameters.abort_callback = abort_callback()
    parameters.abort_callback_data = ctypes.cast(stop.buffer, ctypes.c_void_p)
    parameters.cb_eval = collector.callback
    context = llama_cpp.llama_init_from_model(model.handle, parameters)
    if not context:
        raise TooLittleMemory(
            "llama.cpp could not get the memory to calibrate this model.",
            "Choose a smaller file of it to calibrate with, or close other programs.",
        )
    threads = Threads(context)
    try:
        yield context
    finally:
        llama_cpp.llama_free(context)
        threads.close()


def _parts(chunk: list[int], number: int, total: int) -> list[list[int]]:
    """What is evaluated at once. A quirk of llama-imatrix is kept, so that counts are equal: where three chunks are
    left for its last batch, micro-batches of 512 tokens have 170 of each, and the last one 2, too few to be counted."""
    left = total % _TOGETHER
    if left != 3 or number <= total - left:
        return [chunk]
    whole = CHUNK_TOKENS // left * left
    return [chunk[:whole], chunk[whole:]]


def _evaluate(context: object, part: list[int], collector: ImportanceCollector, stop: StopFlag) -> None:
    """Asks for logits everywhere: llama.cpp leaves tokens without any out of the last layer's matrices."""
    collector.begin_pass()
    count = len(part)
    tokens = (ctypes.c_int32 * count)(*part)
    batch = llama_cpp.llama_batch_get_one(tokens, count)
    batch.logits = (ctypes.c_int8 * count)(*[True] * count)
    code = llama_cpp.llama_decode(context, batch)
    if stop.is_set:
        raise Cancelled
    if collector.fault is not None:
        raise collector.fault
    if code != 0:
        raise LoadFailed(
            f"llama.cpp could not evaluate the text (code {code}).",
            "Try again; if it happens again, choose another model.",
        )
