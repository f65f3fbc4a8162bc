"""Functions of ggml that the bindings do not declare, from the very libraries llama.cpp was loaded with.

A second copy of libggml would have a registry of devices of its own.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache
from pathlib import Path
from typing import Any

import llama_cpp


def ggml_function(name: str, result: Any, *arguments: Any) -> Any:
    """Raises AttributeError where no library has it."""
    for library in _libraries():
        function = getattr(library, name, None)
        if function is not None:
            function.restype, function.argtypes = result, arguments
            return function
    raise AttributeError(name)


def load_backends() -> None:
    """Loads the plug-ins that lie beside libllama, as in a runtime pack; the plain build has its backend inside."""
    folder = Path(llama_cpp.llama_cpp._lib._name).parent
    if "LLAMA_CPP_LIB_PATH" in os.environ or _has_plug_ins(folder):
        ggml_function("ggml_backend_load_all_from_path", None, ctypes.c_char_p)(os.fsencode(folder))


def _has_plug_ins(folder: Path) -> bool:
    """Packs have the processor's backend several times, each for other instructions ("ggml-cpu-haswell"). Told from
    names: to ask ggml would start its backends, in the plain build as well."""
    return any(name.startswith(("libggml-cpu-", "ggml-cpu-")) for name in os.listdir(folder))


@cache
def _libraries() -> tuple[ctypes.CDLL, ...]:
    library: ctypes.CDLL = llama_cpp.llama_cpp._lib
    if os.name != "nt":
        return (library,)  # whoever looks for a name in it finds those of the libraries it needs as well
    folder = Path(library._name).parent
    return (library, *(ctypes.CDLL(str(folder / f"{name}.dll")) for name in ("ggml", "ggml-base")))
