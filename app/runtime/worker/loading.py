"""Loading a model and making its context."""

from __future__ import annotations

import ctypes
import os
import re
import time
from collections.abc import Callable

import llama_cpp
import psutil

from app.core.errors import (
    Cancelled,
    EnvironmentFault,
    FileGone,
    LoadFailed,
    TooLittleMemory,
    UnknownArchitecture,
)
from app.core.text import encodable
from app.runtime.protocol import Load, Loaded, LoadProgress, LoadSettings, ModelDescription, Reply
from app.runtime.worker.buffers import BufferLog
from app.runtime.worker.log import listening
from app.runtime.worker.parameters import (
    context_parameters,
    devices_of,
    model_parameters,
    require_possible_here,
)
from app.runtime.worker.rpc_devices import require_rpc_servers_free
from app.runtime.worker.slots import Slot
from app.runtime.worker.stop_flag import StopFlag
from app.runtime.worker.threads import Threads
from app.runtime.worker.typed_specials import TypedSpecials
from app.runtime.worker.vocabulary import Vocabulary


class LlamaModel:
    """A model with its context and the slots for conversations in it.

    `context_length`: of one slot. `batch_tokens`: most tokens of one llama_decode. `template_text`: of its chat
    template, if it has one.
    """

    def __init__(self, model: object, context: object, repacked_bytes: int) -> None:
        self.handle = model
        self._repacked_bytes = repacked_bytes
        self._threads = Threads(context)
        self.context = context
        self.vocabulary = Vocabulary(llama_cpp.llama_model_get_vocab(model))
        self.typed_specials = TypedSpecials(self.vocabulary)
        self.context_length = int(llama_cpp.llama_n_ctx_seq(context))
        self.batch_tokens = int(llama_cpp.llama_n_batch(context))
        self.template_text = _text(llama_cpp.llama_model_chat_template(model, None))
        window = int(llama_cpp.llama_model_n_swa(model))
        sequences = range(llama_cpp.llama_n_seq_max(context))
        self.slots = tuple(Slot(context, sequence, window) for sequence in sequences)

    def memory_in_use(self) -> int:
        """Bytes of this process in memory, each weight counted once (see `BufferLog`)."""
        return int(psutil.Process().memory_info().rss) - self._repacked_bytes

    def free(self) -> None:
        llama_cpp.llama_free(self.context)
        llama_cpp.llama_model_free(self.handle)
        self._threads.close()


def load(request: Load, report: Callable[[Reply], None], stop: StopFlag) -> tuple[LlamaModel, Loaded]:
    """Loads the weights, makes the context and runs it once, so that the first answer is not slower.

    Raises Cancelled, UnknownArchitecture, LoadFailed, TooLittleMemory, FileGone, WrongChoice.
    """
    require_file(request.path)
    require_possible_here(request.settings)
    log = BufferLog()
    with listening(log.read):
        model = _load_weights(request, report, stop)
        _require_vocabulary(model)
        context = make_context(model, request.settings, stop)
        try:
            _use_adapters(model, context, request.settings)
        except BaseException:
            llama_cpp.llama_free(context)
            llama_cpp.llama_model_free(model)
            raise
        loaded = LlamaModel(model, context, log.repacked_bytes)
        _warm_up(loaded)
    if stop.is_set:
        loaded.free()
        raise Cancelled
    description = ModelDescription(
        context_length=loaded.context_length,
        memory_bytes=loaded.memory_in_use(),
        buffers=log.buffers(),
    )
    return loaded, Loaded(model=description)


def require_file(path: bytes) -> None:
    """Raises FileGone."""
    if not os.path.exists(path):
        raise FileGone(
            f"{encodable(os.fsdecode(path))} is not there any more.",
            "Refresh the library or pick the file again.",
        )


def _use_adapters(model: object, context: object, settings: LoadSettings) -> None:
    if settings.adapters:
        # Here: what reads their headers takes half as long to import as all the rest of a worker.
        from app.runtime.worker.adapters import use_adapters

        use_adapters(model, context, settings.adapters)


def _load_weights(request: Load, report: Callable[[Reply], None], stop: StopFlag) -> object:
    last_report = 0.0

    @llama_cpp.llama_progress_callback  # type: ignore[untyped-decorator]
    def on_progress(fraction: float, user_data: object) -> bool:
        nonlocal last_report
        now = time.perf_counter()
        if now - last_report > 0.05:
            last_report = now
            report(LoadProgress(fraction=fraction))
        return not stop.is_set

    parameters = model_parameters(request.settings)
    require_rpc_servers_free(devices_of(parameters))
    parameters.progress_callback = on_progress
    try:
        model = open_model(request.path, parameters)
    except EnvironmentFault as fault:
        if stop.is_set:
            raise Cancelled from fault
        raise
    if stop.is_set:
        llama_cpp.llama_model_free(model)
        raise Cancelled
    return model


def open_model(path: bytes, parameters: llama_cpp.llama_model_params) -> object:
    """Raises UnknownArchitecture, TooLittleMemory or LoadFailed."""
    log: list[str] = []
    with listening(log.append):
        model = llama_cpp.llama_model_load_from_file(path, parameters)
    if not model:
        raise _load_fault("".join(log))
    # llama.cpp goes on without; whoever asked for it should not believe that he has it.
    if re.search(r"failed to (mlock|VirtualLock)|mlock not supported", "".join(log)):
        llama_cpp.llama_model_free(model)
        raise LoadFailed(
            "The system does not let this model be locked in memory.",
            "Load it without a lock, or allow Nibble to lock more memory (on Linux with ulimit -l).",
        )
    return model


def make_context(model: object, settings: LoadSettings, stop: StopFlag) -> object:
    """A context that can write text; frees `model` where there is none to be had.

    Raises TooLittleMemory or LoadFailed.
    """
    log: list[str] = []
    with listening(log.append):
        context = llama_cpp.llama_init_from_model(model, context_parameters(settings, model, stop))
    if not context:
        llama_cpp.llama_model_free(model)
        raise _context_fault(settings, "".join(log))
    if not _can_generate(model, context):
        llama_cpp.llama_free(context)
        llama_cpp.llama_model_free(model)
        raise LoadFailed(
            "This model does not write text: it is made for embeddings, translation or another use.",
            "Choose a chat model.",
        )
    return context


def _require_vocabulary(model: object) -> None:
    """Without, llama.cpp ends the process when a text is cut into tokens; frees `model` then."""
    if llama_cpp.llama_vocab_type(llama_cpp.llama_model_get_vocab(model)) != llama_cpp.LLAMA_VOCAB_TYPE_NONE:
        return
    llama_cpp.llama_model_free(model)
    raise LoadFailed(
        "This model has no vocabulary, so it can neither read nor write text.",
        "Choose another file of this model.",
    )


def _can_generate(model: object, context: object) -> bool:
    """Only decoders that write left to right; llama.cpp aborts the process on the others."""
    return bool(
        llama_cpp.llama_get_causal_attn(context)
        and not llama_cpp.llama_model_has_encoder(model)
        and not llama_cpp.llama_model_is_diffusion(model)
    )


def _warm_up(loaded: LlamaModel) -> None:
    token = (ctypes.c_int32 * 1)(loaded.vocabulary.any_token)
    llama_cpp.llama_decode(loaded.context, llama_cpp.llama_batch_get_one(token, 1))
    llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(loaded.context), True)


def unknown_architecture(log: str) -> UnknownArchitecture | None:
    """The fault, where `log` tells of it."""
    match = re.search(r"unknown model architecture: '([^']*)'", log)
    return match and UnknownArchitecture(
        f"This model's architecture '{match[1]}' is not known to the llama.cpp in this Nibble.",
        "Choose another model, or look for a newer Nibble.",
    )


def _context_fault(settings: LoadSettings, log: str) -> EnvironmentFault:
    if re.search(
        r"cache type \S+ with block size|quantized V cache was requested|and V \(.+\) cache types", log
    ):
        types = " and ".join(dict.fromkeys((settings.kv_type, settings.value_type or settings.kv_type)))
        return LoadFailed(
            f"This model cannot be run with a KV cache in {types}.",
            "Choose f16 for the KV cache.",
        )
    if _is_out_of_memory(log):
        return _too_little_memory(f"a context of {settings.context_length} tokens")
    reasons = re.findall(r"failed to initialize the context: (.+)", log)
    reason = f" ({reasons[-1].strip()})" if reasons else ""
    return LoadFailed(
        f"llama.cpp could not make a context of {settings.context_length} tokens{reason}.",
        "Close other programs, or choose a smaller model.",
    )


def _load_fault(log: str) -> EnvironmentFault:
    """What llama.cpp's last words mean for the person."""
    if fault := unknown_architecture(log):
        return fault
    if _is_out_of_memory(log):
        return _too_little_memory("this model")
    reasons = re.findall(r"error loading model: (.+)", log)
    reason = f" ({reasons[-1].strip()})" if reasons else ""
    return LoadFailed(
        f"llama.cpp cannot load this model{reason}.",
        "The file may be damaged: download or convert it again, or choose another one.",
    )


def _is_out_of_memory(log: str) -> bool:
    return re.search(r"unable to allocate|failed to allocate|out of memory", log) is not None


def _too_little_memory(what: str) -> TooLittleMemory:
    return TooLittleMemory(
        f"llama.cpp could not get the memory for {what}.",
        "Choose a smaller quantization, or close other programs.",
    )


def _text(value: bytes | None) -> str | None:
    return value.decode("utf-8", "replace") if value else None
