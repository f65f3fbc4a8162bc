"""What this runtime is and which devices it can use: the truth, asked of ggml itself."""

from __future__ import annotations

from collections.abc import Iterator
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_void_p
from importlib.metadata import version

import llama_cpp

from app.runtime.protocol import Described, Device
from app.runtime.worker.ggml import ggml_function

_KINDS = {0: "cpu", 1: "gpu", 2: "igpu", 3: "accel", 4: "meta"}  # enum ggml_backend_dev_type


def describe() -> Described:
    """Initialises the backends, which on a graphics card may take a second."""
    llama_cpp.llama_backend_init()
    devices = tuple(_devices())
    return Described(
        version=version("llama-cpp-python"),
        system_info=(llama_cpp.llama_print_system_info() or b"").decode("utf-8", "replace").strip(),
        backends=tuple(dict.fromkeys(device.backend for device in devices)),
        devices=devices,
    )


def _devices() -> Iterator[Device]:
    device_at = ggml_function("ggml_backend_dev_get", c_void_p, c_size_t)
    owner_of = ggml_function("ggml_backend_dev_backend_reg", c_void_p, c_void_p)
    kind_of = ggml_function("ggml_backend_dev_type", c_int, c_void_p)
    read_memory = ggml_function(
        "ggml_backend_dev_memory", None, c_void_p, POINTER(c_size_t), POINTER(c_size_t)
    )
    for index in range(ggml_function("ggml_backend_dev_count", c_size_t)()):
        device = device_at(index)
        free, total = c_size_t(), c_size_t()
        read_memory(device, byref(free), byref(total))
        yield Device(
            name=_text("ggml_backend_dev_name", device),
            description=_text("ggml_backend_dev_description", device),
            backend=_text("ggml_backend_reg_name", owner_of(device)),
            kind=_KINDS.get(kind_of(device), "other"),
            total_bytes=total.value,
            free_bytes=free.value,
        )


def _text(function: str, handle: int | None) -> str:
    return (ggml_function(function, c_char_p, c_void_p)(handle) or b"").decode("utf-8", "replace")
