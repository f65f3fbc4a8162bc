"""`python -m kernels.native.rpc_server PACK HOST:PORT`: lets another computer compute on this one's devices.

With a pack that has the backend. The server is llama.cpp's own; it trusts whoever reaches the port, and serves one
process at a time. It ends with Ctrl+C.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import sys
from ctypes import CFUNCTYPE, c_char_p, c_int, c_size_t, c_void_p
from pathlib import Path
from typing import Any

_CPU, _GPU, _IGPU = 0, 1, 2  # enum ggml_backend_dev_type
_NAMES = {"darwin": "lib{}.dylib", "win32": "{}.dll"}


class _Ggml:
    """The functions of a pack's libggml and libggml-base."""

    def __init__(self, pack: Path) -> None:
        if sys.platform == "win32":
            os.add_dll_directory(str(pack))
        name = _NAMES.get(sys.platform, "lib{}.so")
        self._libraries = [ctypes.CDLL(str(pack / name.format(each))) for each in ("ggml-base", "ggml")]

    def function(self, name: str, result: Any, *arguments: Any) -> Any:
        for library in self._libraries:
            if (function := getattr(library, name, None)) is not None:
                function.restype, function.argtypes = result, arguments
                return function
        raise AttributeError(name)


def serve(pack: Path, endpoint: str, threads: int) -> None:
    """The graphics cards of this computer; where there are none, its processor. Returns only where it cannot."""
    ggml = _Ggml(pack)
    ggml.function("ggml_backend_load_all_from_path", None, c_char_p)(os.fsencode(pack))
    count = ggml.function("ggml_backend_dev_count", c_size_t)()
    device_at = ggml.function("ggml_backend_dev_get", c_void_p, c_size_t)
    kind_of = ggml.function("ggml_backend_dev_type", c_int, c_void_p)
    every = [(device_at(index), kind_of(device_at(index))) for index in range(count)]
    cards = [device for device, kind in every if kind in (_GPU, _IGPU)]
    devices = cards or [device for device, kind in every if kind == _CPU]
    registry = ggml.function("ggml_backend_reg_by_name", c_void_p, c_char_p)(b"RPC")
    if not registry or not devices:
        raise SystemExit(f"{pack} has no RPC backend, or no device to serve.")
    find = ggml.function("ggml_backend_reg_get_proc_address", c_void_p, c_void_p, c_char_p)
    start = CFUNCTYPE(None, c_char_p, c_char_p, c_size_t, c_size_t, c_void_p)(
        find(registry, b"ggml_backend_rpc_start_server")
    )
    start(endpoint.encode(), None, threads, len(devices), (c_void_p * len(devices))(*devices))


def main() -> None:
    parser = argparse.ArgumentParser("python -m kernels.native.rpc_server")
    parser.add_argument("pack", type=Path, help="A pack's folder, which has the RPC backend.")
    parser.add_argument("endpoint", help="HOST:PORT to listen at; 127.0.0.1 is heard on this computer alone.")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    serve(options.pack.resolve(), options.endpoint, options.threads)


if __name__ == "__main__":
    main()
