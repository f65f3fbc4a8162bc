"""LoadSettings as llama.cpp's parameters, the same for a load and for a dry run."""

from __future__ import annotations

import ctypes
import os
from functools import cache

import llama_cpp
import psutil

from app.core.errors import WrongChoice
from app.runtime.outputs import BATCH_TOKENS, outputs_at_once
from app.runtime.protocol import LoadSettings
from app.runtime.worker.ggml import ggml_function
from app.runtime.worker.stop_flag import StopFlag

MOST_TOKENS = 1 << 24
"""Of a context, more than any model has; llama.cpp keeps some 50 bytes of its own for each."""

_MOST_LAYERS = (1 << 31) - 1  # what the field holds
_KV_TYPES = {
    "f16": llama_cpp.GGML_TYPE_F16,
    "q8_0": llama_cpp.GGML_TYPE_Q8_0,
    "q4_0": llama_cpp.GGML_TYPE_Q4_0,
}
_NO_DEVICES = (ctypes.c_void_p * 1)()
"""A list that ends where it begins."""

_EXPERTS = rb"\.ffn_(up|down|gate|gate_up)_(ch)?exps"
"""The names of weights that are those of experts, for llama.cpp to search by."""

_FLASH_ATTENTION = {
    "auto": llama_cpp.LLAMA_FLASH_ATTN_TYPE_AUTO,
    "on": llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED,
    "off": llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED,
}


def require_possible(settings: LoadSettings) -> None:
    """Raises WrongChoice for what no model could be loaded with; llama.cpp's fields would wrap around."""
    if not 0 < settings.context_length <= MOST_TOKENS:
        raise WrongChoice(
            f"A context of {settings.context_length:,} tokens is not possible.",
            f"Choose one of 1 to {MOST_TOKENS:,} tokens.",
        )
    if not 0 < settings.ubatch <= MOST_TOKENS:
        raise WrongChoice(f"A micro-batch of {settings.ubatch:,} tokens is not possible.", "Choose 512.")
    most_sequences = llama_cpp.llama_max_parallel_sequences()
    if not 0 < settings.sequences <= most_sequences:
        raise WrongChoice(
            f"A context of {settings.sequences:,} sequences is not possible.",
            f"Choose 1 to {most_sequences}.",
        )
    if settings.kv_type != "f16" and settings.flash_attention == "off":
        raise WrongChoice(
            f"A KV cache in {settings.kv_type} needs flash attention.",
            "Turn flash attention on, or choose f16 for the KV cache.",
        )


def model_parameters(settings: LoadSettings) -> llama_cpp.llama_model_params:
    parameters = llama_cpp.llama_model_default_params()
    parameters.n_gpu_layers = max(-1, min(settings.gpu_layers, _MOST_LAYERS))
    if settings.processor_only:
        parameters.devices = ctypes.cast(_NO_DEVICES, ctypes.c_void_p)
    if settings.experts_on_processor:
        parameters.tensor_buft_overrides = ctypes.cast(_experts_on_processor(), ctypes.c_void_p)
    return parameters


class _BufferOverride(ctypes.Structure):
    """llama_model_tensor_buft_override, of which the bindings have no fields."""

    _fields_ = (("pattern", ctypes.c_char_p), ("buffer_type", ctypes.c_void_p))


@cache
def _experts_on_processor() -> ctypes.Array[_BufferOverride]:
    """Ends with an empty entry. The same for all models and kept, since llama.cpp only points to it."""
    processor = ggml_function("ggml_backend_cpu_buffer_type", ctypes.c_void_p)
    return (_BufferOverride * 2)(_BufferOverride(_EXPERTS, processor()), _BufferOverride(None, None))


def context_parameters(
    settings: LoadSettings, model: object, stop: StopFlag
) -> llama_cpp.llama_context_params:
    threads = settings.threads or psutil.cpu_count(logical=False) or 1
    parameters = llama_cpp.llama_context_default_params()
    parameters.n_ctx = settings.context_length
    parameters.n_batch = max(BATCH_TOKENS, settings.ubatch)
    parameters.n_ubatch = settings.ubatch
    vocabulary = llama_cpp.llama_model_get_vocab(model)
    outputs = outputs_at_once(llama_cpp.llama_vocab_n_tokens(vocabulary), parameters.n_batch)
    parameters.n_outputs_max = max(outputs, settings.sequences)
    parameters.n_seq_max = settings.sequences
    parameters.swa_full = False  # see Slot.forget_beyond
    parameters.type_k = parameters.type_v = _KV_TYPES[settings.kv_type]
    parameters.flash_attn_type = _FLASH_ATTENTION[settings.flash_attention]
    parameters.n_threads = threads
    parameters.n_threads_batch = threads
    parameters.no_perf = True
    parameters.abort_callback = abort_callback()
    parameters.abort_callback_data = ctypes.cast(stop.buffer, ctypes.c_void_p)
    return parameters


def abort_callback() -> object:
    """llama.cpp asks this after every node of the compute graph whether to give up.

    It is the C library's `strlen` on the stop flag's string: a Python callback there would cost
    some microseconds a node, several per cent of a small model's speed. The declared result is
    bool, which is the low byte of strlen's result on every platform's calling convention.
    """
    library = ctypes.CDLL("msvcrt" if os.name == "nt" else None)
    return ctypes.cast(library.strlen, llama_cpp.ggml_abort_callback)
