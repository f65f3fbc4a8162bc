"""Makes devices of other computers known to ggml, where a person has named servers (`app.runtime.rpc_servers`)."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from ctypes import CFUNCTYPE, c_char_p, c_void_p

from app.core.errors import LoadFailed
from app.runtime.rpc_servers import rpc_servers, why_not
from app.runtime.worker.ggml import ggml_function

_used: dict[str, list[int]] = {}
"""The devices of each server that this process knows."""


def add_rpc_devices() -> None:
    """Those of servers that can be used now; of others the log tells why not. No connection stays."""
    servers = rpc_servers()
    if not servers:
        return
    registry = ggml_function("ggml_backend_reg_by_name", c_void_p, c_char_p)(b"RPC")
    if not registry:
        _log("This build of llama.cpp cannot use RPC servers: choose a runtime pack that has the backend.")
        return
    find = ggml_function("ggml_backend_reg_get_proc_address", c_void_p, c_void_p, c_char_p)
    add = CFUNCTYPE(c_void_p, c_char_p)(find(registry, b"ggml_backend_rpc_add_server"))
    register = ggml_function("ggml_backend_register", None, c_void_p)
    for server in servers:
        if reason := why_not(server):
            _log(reason)
            continue
        before = _device_count()
        if own := add(server.encode()):
            register(own)
            device_at = ggml_function("ggml_backend_dev_get", c_void_p, ctypes.c_size_t)
            _used[server] = [device_at(index) for index in range(before, _device_count())]


def require_rpc_servers_free(devices: Sequence[int] | None) -> None:
    """Raises LoadFailed where a server that is needed for one of `devices`, None for all there are, cannot be used
    now: llama.cpp would wait for it, or end the process."""
    for server, own in _used.items():
        if (devices is None or not set(own).isdisjoint(devices)) and (reason := why_not(server)):
            raise LoadFailed(reason, "Wait until it is free, or choose other devices for this model.")


def _device_count() -> int:
    count: int = ggml_function("ggml_backend_dev_count", ctypes.c_size_t)()
    return count


def _log(sentence: str) -> None:
    print(f"nibble worker: {sentence}", file=sys.stderr, flush=True)
