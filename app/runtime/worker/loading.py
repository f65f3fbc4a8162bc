"""Loading a model and making its context."""

from __future__ import annotations

import ctypes
import os
import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import llama_cpp
import psutil

from app.core.errors import Cancelled, EnvironmentFault, FileGone, LoadFailed, UnknownArchitecture
from app.core.text import encodable
from app.runtime.protocol import Load, Loaded, LoadProgress, LoadSettings, ModelDescription, Reply
from app.runtime.worker.buffers import BufferLog
from app.runtime.worker.log import listening, recent_lines
from app.runtime.worker.vocabulary import Vocabulary

if TYPE_CHECKING:
    from app.runtime.worker.main import StopFlag

BATCH_TOKENS = 512
"""Prompt tokens per llama_decode: llama.cpp's own micro-batch, so cancel is looked at as often."""


class LlamaModel:
    """A model with its context, and which tokens its KV cache holds.

    `conversation` is the last one as text with the tokens that spell it. After an answer the cache
    holds all of them or, where the last was shown but not evaluated, all but one.
    """

    def __init__(self, model: object, context: object, repacked_bytes: int) -> None:
        self._model = model
        self._repacked_bytes = repacked_bytes
        self.context = context
        self.memory = llama_cpp.llama_get_memory(context)
        self.vocabulary = Vocabulary(llama_cpp.llama_model_get_vocab(model))
        self.context_length = int(llama_cpp.llama_n_ctx(context))
        self.chat_template = _text(llama_cpp.llama_model_chat_template(model, None))
        self.cached_tokens: list[int] = []
        self.conversation: tuple[str, list[int]] | None = None

    def forget_beyond(self, position: int) -> int:
        """Drops the cache from `position` on and returns where it ends now. Recurrent models cannot
        drop a part: their cache is emptied."""
        if not llama_cpp.llama_memory_seq_rm(self.memory, 0, position, -1):
            llama_cpp.llama_memory_clear(self.memory, True)
            position = 0
        del self.cached_tokens[position:]
        return position

    def memory_in_use(self) -> int:
        """Bytes of this process in memory, each weight counted once (see `BufferLog`)."""
        return int(psutil.Process().memory_info().rss) - self._repacked_bytes

    def free(self) -> None:
        llama_cpp.llama_free(self.context)
        llama_cpp.llama_model_free(self._model)


def load(request: Load, report: Callable[[Reply], None], stop: StopFlag) -> tuple[LlamaModel, Loaded]:
    """Loads the weights, makes the context and runs it once, so that the first answer is not slower.

    Raises Cancelled, UnknownArchitecture, LoadFailed, FileGone.
    """
    if not os.path.exists(request.path):
        raise FileGone(
            f"{encodable(os.fsdecode(request.path))} is not there any more.",
            "Refresh the library or pick the file again.",
        )
    buffers = BufferLog()
    with listening(buffers.read):
        model = _load_weights(request, report, stop)
    context = _make_context(model, request.settings, stop)
    if not _can_generate(model, context):
        llama_cpp.llama_free(context)
        llama_cpp.llama_model_free(model)
        raise LoadFailed(
            "This model does not write text: it is made for embeddings, translation or another use.",
            "Choose a chat model.",
        )
    loaded = LlamaModel(model, context, buffers.repacked_bytes)
    _warm_up(loaded)
    if stop.is_set():
        loaded.free()
        raise Cancelled
    description = ModelDescription(
        context_length=loaded.context_length,
        memory_bytes=loaded.memory_in_use(),
    )
    return loaded, Loaded(model=description)


def _load_weights(request: Load, report: Callable[[Reply], None], stop: StopFlag) -> object:
    last_report = 0.0

    @llama_cpp.llama_progress_callback  # type: ignore[untyped-decorator]
    def on_progress(fraction: float, user_data: object) -> bool:
        nonlocal last_report
        now = time.perf_counter()
        if now - last_report > 0.05:
            last_report = now
            report(LoadProgress(fraction=fraction))
        return not stop.is_set()

    parameters = llama_cpp.llama_model_default_params()
    parameters.n_gpu_layers = request.settings.gpu_layers
    parameters.progress_callback = on_progress
    model = llama_cpp.llama_model_load_from_file(request.path, parameters)
    if stop.is_set():
        if model:
            llama_cpp.llama_model_free(model)
        raise Cancelled
    if not model:
        raise _load_fault(recent_lines())
    return model


def _make_context(model: object, settings: LoadSettings, stop: StopFlag) -> object:
    threads = settings.threads or psutil.cpu_count(logical=False) or 1
    parameters = llama_cpp.llama_context_default_params()
    parameters.n_ctx = settings.context_length
    parameters.n_batch = BATCH_TOKENS
    parameters.n_ubatch = BATCH_TOKENS
    parameters.n_threads = threads
    parameters.n_threads_batch = threads
    parameters.no_perf = True
    parameters.abort_callback = abort_callback()
    parameters.abort_callback_data = ctypes.cast(stop.buffer, ctypes.c_void_p)
    context = llama_cpp.llama_init_from_model(model, parameters)
    if not context:
        llama_cpp.llama_model_free(model)
        raise LoadFailed(
            f"llama.cpp could not make a context of {settings.context_length} tokens.",
            "Close other programs, or choose a smaller model.",
        )
    return context


def _can_generate(model: object, context: object) -> bool:
    """Only decoders that write left to right; llama.cpp aborts the process on the others."""
    return bool(
        llama_cpp.llama_get_causal_attn(context)
        and not llama_cpp.llama_model_has_encoder(model)
        and not llama_cpp.llama_model_is_diffusion(model)
    )


def abort_callback() -> object:
    """llama.cpp asks this after every node of the compute graph whether to give up.

    It is the C library's `strlen` on the stop flag's string: a Python callback there would cost
    some microseconds a node, several per cent of a small model's speed. The declared result is
    bool, which is the low byte of strlen's result on every platform's calling convention.
    """
    library = ctypes.CDLL("msvcrt" if os.name == "nt" else None)
    return ctypes.cast(library.strlen, llama_cpp.ggml_abort_callback)


def _warm_up(loaded: LlamaModel) -> None:
    token = (ctypes.c_int32 * 1)(loaded.vocabulary.any_token)
    llama_cpp.llama_decode(loaded.context, llama_cpp.llama_batch_get_one(token, 1))
    llama_cpp.llama_memory_clear(loaded.memory, True)


def unknown_architecture(log: str) -> UnknownArchitecture | None:
    """The fault, where `log` tells of it."""
    match = re.search(r"unknown model architecture: '([^']*)'", log)
    return match and UnknownArchitecture(
        f"This model's architecture '{match[1]}' is not known to the llama.cpp in this Nibble.",
        "Choose another model, or look for a newer Nibble.",
    )


def _load_fault(log: tuple[str, ...]) -> EnvironmentFault:
    """What llama.cpp's last words mean for the person."""
    text = "\n".join(log)
    if fault := unknown_architecture(text):
        return fault
    if re.search(r"unable to allocate|failed to allocate|out of memory", text):
        return LoadFailed(
            "llama.cpp could not get the memory this model needs.",
            "Choose a smaller quantization, or close other programs.",
        )
    reasons = re.findall(r"error loading model: (.+)", text)
    reason = f" ({reasons[-1].strip()})" if reasons else ""
    return LoadFailed(
        f"llama.cpp cannot load this model{reason}.",
        "The file may be damaged: download or convert it again, or choose another one.",
    )


def _text(value: bytes | None) -> str | None:
    return value.decode("utf-8", "replace") if value else None
