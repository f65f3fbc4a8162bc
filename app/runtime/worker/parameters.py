"""LoadSettings as llama.cpp's parameters, the same for a load and for a dry run."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence

import llama_cpp
import psutil

from app.core.errors import WrongChoice
from app.core.text import encodable
from app.runtime.loading_limits import require_possible
from app.runtime.outputs import BATCH_TOKENS, outputs_at_once
from app.runtime.protocol import LoadSettings
from app.runtime.worker.ggml import ggml_function
from app.runtime.worker.stop_flag import StopFlag

MOST_LAYERS = 512
"""llama.cpp refuses models with more (LLAMA_MAX_LAYERS)."""
_MOST_GPU_LAYERS = (1 << 31) - 1  # what the field holds
_KV_TYPES = {
    "f16": llama_cpp.GGML_TYPE_F16,
    "q8_0": llama_cpp.GGML_TYPE_Q8_0,
    "q4_0": llama_cpp.GGML_TYPE_Q4_0,
}
_NO_DEVICES = (ctypes.c_void_p * 1)()
"""A list that ends where it begins."""

_EXPERTS = r"\.ffn_(up|down|gate|gate_up)_(ch)?exps"
"""The names of weights that are those of experts, for llama.cpp to search by."""

_LOAD_MODES = {
    "auto": llama_cpp.LLAMA_LOAD_MODE_AUTO,
    "mmap": llama_cpp.LLAMA_LOAD_MODE_MMAP,
    "mlock": llama_cpp.LLAMA_LOAD_MODE_MLOCK,
    "mmap+mlock": llama_cpp.LLAMA_LOAD_MODE_MMAP_MLOCK,
    "none": llama_cpp.LLAMA_LOAD_MODE_NONE,
}
_FLASH_ATTENTION = {
    "auto": llama_cpp.LLAMA_FLASH_ATTN_TYPE_AUTO,
    "on": llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED,
    "off": llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED,
}


def require_possible_here(settings: LoadSettings) -> None:
    """Raises WrongChoice for what no model could be loaded with by this llama.cpp."""
    require_possible(settings)
    most_sequences = llama_cpp.llama_max_parallel_sequences()
    if not 0 < settings.sequences <= most_sequences:
        raise WrongChoice(
            f"A context of {settings.sequences:,} sequences is not possible.",
            f"Choose 1 to {most_sequences}.",
        )


def model_parameters(settings: LoadSettings) -> llama_cpp.llama_model_params:
    """Raises WrongChoice for a device that is not there."""
    parameters = llama_cpp.llama_model_default_params()
    parameters.n_gpu_layers = max(-1, min(settings.gpu_layers, _MOST_GPU_LAYERS))
    parameters.load_mode = _LOAD_MODES[settings.load_mode]
    devices = _NO_DEVICES if settings.processor_only else _devices(settings.devices)
    split = _split(settings.split)
    overrides = _experts_in_memory(settings.expert_layers_in_memory)
    # They are only pointed to, and must live as long as the parameters.
    parameters.nibble_owns = (devices, split, overrides)
    if devices is not None:
        parameters.devices = ctypes.cast(devices, ctypes.c_void_p)
    if split is not None:
        parameters.tensor_split = ctypes.cast(split, ctypes.POINTER(ctypes.c_float))
    if overrides is not None:
        parameters.tensor_buft_overrides = ctypes.cast(overrides, ctypes.c_void_p)
    return parameters


def devices_of(parameters: llama_cpp.llama_model_params) -> list[int] | None:
    """Those that a model may be put on; None stands for all."""
    devices = parameters.nibble_owns[0]
    return None if devices is None else [device for device in devices if device]


def _devices(names: Sequence[str]) -> ctypes.Array[ctypes.c_void_p] | None:
    """Ends with an empty entry; None stands for all devices."""
    if not names:
        return None
    find = ggml_function("ggml_backend_dev_by_name", ctypes.c_void_p, ctypes.c_char_p)
    found = []
    for name in names:
        device = find(encodable(name).encode())
        if not device:
            raise WrongChoice(
                f"There is no device {name} for models on this computer.",
                "Choose one of those that nibble doctor lists, or leave the choice to Nibble.",
            )
        found.append(device)
    return (ctypes.c_void_p * (len(found) + 1))(*found, None)


def _split(parts: Sequence[float]) -> ctypes.Array[ctypes.c_float] | None:
    """As long as llama.cpp reads; None: by free memory."""
    return (ctypes.c_float * llama_cpp.llama_max_devices())(*parts) if parts else None


class _BufferOverride(ctypes.Structure):
    """llama_model_tensor_buft_override, of which the bindings have no fields."""

    _fields_ = (("pattern", ctypes.c_char_p), ("buffer_type", ctypes.c_void_p))


def _experts_in_memory(layers: int) -> ctypes.Array[_BufferOverride] | None:
    """For the first `layers`, -1 all. Ends with an empty entry."""
    if not layers:
        return None
    number = "[0-9]+" if layers < 0 else f"({'|'.join(map(str, range(min(layers, MOST_LAYERS))))})"
    pattern = f"^blk\\.{number}{_EXPERTS}".encode()
    processor = ggml_function("ggml_backend_cpu_buffer_type", ctypes.c_void_p)
    return (_BufferOverride * 2)(_BufferOverride(pattern, processor()), _BufferOverride(None, None))


def context_parameters(
    settings: LoadSettings, model: object, stop: StopFlag
) -> llama_cpp.llama_context_params:
    threads = settings.threads or psutil.cpu_count(logical=False) or 1
    value_type = settings.value_type or settings.kv_type
    parameters = llama_cpp.llama_context_default_params()
    parameters.n_ctx = settings.context_length
    parameters.n_batch = max(BATCH_TOKENS, settings.batch, settings.ubatch)
    parameters.n_ubatch = settings.ubatch
    vocabulary = llama_cpp.llama_model_get_vocab(model)
    outputs = outputs_at_once(llama_cpp.llama_vocab_n_tokens(vocabulary), parameters.n_batch)
    parameters.n_outputs_max = max(outputs, settings.sequences)
    parameters.n_seq_max = settings.sequences
    parameters.swa_full = False  # see Slot.forget_beyond
    parameters.type_k, parameters.type_v = _KV_TYPES[settings.kv_type], _KV_TYPES[value_type]
    parameters.flash_attn_type = _FLASH_ATTENTION[settings.flash_attention]
    parameters.n_threads = threads
    parameters.n_threads_batch = settings.prompt_threads or threads
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
