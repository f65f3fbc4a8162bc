"""What this runtime is and which devices it can use: the truth, asked of ggml itself."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from importlib.metadata import version

import llama_cpp
from llama_cpp import _ctypes_extensions, _ggml

from app.runtime.protocol import Described, Device

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
    # The registry is in libggml, what is known of one device in libggml-base; the bindings
    # declare neither.
    registry = _ggml.libggml
    base = _ctypes_extensions.load_shared_library("ggml-base", _ggml.libggml_base_path)
    registry.ggml_backend_dev_count.restype = ctypes.c_size_t
    for index in range(registry.ggml_backend_dev_count()):
        device = _handle(registry, "ggml_backend_dev_get", ctypes.c_size_t(index))
        owner = _handle(base, "ggml_backend_dev_backend_reg", device)
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        base.ggml_backend_dev_memory(device, ctypes.byref(free), ctypes.byref(total))
        yield Device(
            name=_name(base, "ggml_backend_dev_name", device),
            description=_name(base, "ggml_backend_dev_description", device),
            backend=_name(base, "ggml_backend_reg_name", owner),
            kind=_KINDS.get(base.ggml_backend_dev_type(device), "other"),
            total_bytes=total.value,
            free_bytes=free.value,
        )


def _handle(library: ctypes.CDLL, function: str, *arguments: object) -> ctypes.c_void_p:
    native = getattr(library, function)
    native.restype = ctypes.c_void_p
    return ctypes.c_void_p(native(*arguments))


def _name(library: ctypes.CDLL, function: str, handle: ctypes.c_void_p) -> str:
    native = getattr(library, function)
    native.restype = ctypes.c_char_p
    return (native(handle) or b"").decode("utf-8", "replace")
