"""The threads a context computes with.

Without a pool ggml makes one for every graph and throws it away, where it was built without OpenMP together with its
threads; llama.cpp's own programs keep theirs, too.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import llama_cpp

from app.runtime.worker.ggml import ggml_function

_MOST_THREADS = 512  # GGML_MAX_N_THREADS
_PROCESSOR = 0  # GGML_BACKEND_DEVICE_TYPE_CPU


class _PoolParameters(ctypes.Structure):
    """ggml_threadpool_params"""

    _fields_ = (
        ("cpumask", ctypes.c_bool * _MOST_THREADS),
        ("n_threads", ctypes.c_int),
        ("prio", ctypes.c_int),
        ("poll", ctypes.c_uint32),
        ("strict_cpu", ctypes.c_bool),
        ("paused", ctypes.c_bool),
    )


class Threads:
    """Of one context, as many as it was made for; to be closed after it."""

    def __init__(self, context: object) -> None:
        answering, reading = llama_cpp.llama_n_threads(context), llama_cpp.llama_n_threads_batch(context)
        # Only one of two computes at a time; the first to do so is the one that reads.
        self._answering = _make_pool(answering, paused=reading != answering)
        self._reading = self._answering if reading == answering else _make_pool(reading, paused=False)
        attach = ggml_function("llama_attach_threadpool", None, *[ctypes.c_void_p] * 3)
        attach(context, self._answering, self._reading)

    def close(self) -> None:
        free = _pool_function("ggml_threadpool_free", None, ctypes.c_void_p)
        for pool in {self._answering, self._reading}:
            free(pool)


def _make_pool(threads: int, *, paused: bool) -> int:
    parameters = ggml_function("ggml_threadpool_params_default", _PoolParameters, ctypes.c_int)(threads)
    parameters.paused = paused
    make = _pool_function("ggml_threadpool_new", ctypes.c_void_p, ctypes.POINTER(_PoolParameters))
    return int(make(ctypes.byref(parameters)))


def _pool_function(name: str, result: type | None, argument: type) -> Callable[..., int]:
    """Of the processor's backend, which may be a plug-in that only its registry knows."""
    device = ggml_function("ggml_backend_dev_by_type", ctypes.c_void_p, ctypes.c_int)(_PROCESSOR)
    registry = ggml_function("ggml_backend_dev_backend_reg", ctypes.c_void_p, ctypes.c_void_p)(device)
    find = ggml_function(
        "ggml_backend_reg_get_proc_address", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p
    )
    return ctypes.CFUNCTYPE(result, argument)(find(registry, name.encode()))
