"""The memory formula: what a model with its context takes on each device, before anything is loaded.

May import `app.core`, `app.gguf` and the protocol of `app.runtime`. Main entries: `estimate`,
`require_memory`. Weights are the tensors' own bytes; `geometry` and `kv_cache` have the KV cache layer
by layer, `compute` lays out the graph of a batch as ggml's allocator does, `placement` puts layers on devices.
"""

from app.memory.estimate import (
    DeviceMemory,
    MemoryEstimate,
    default_context_length,
    estimate,
    exact_estimate,
)
from app.memory.fit import require_memory
from app.memory.loads import PastLoads, past_loads, remember_load, worker_bytes

__all__ = [
    "DeviceMemory",
    "MemoryEstimate",
    "PastLoads",
    "default_context_length",
    "estimate",
    "exact_estimate",
    "past_loads",
    "remember_load",
    "require_memory",
    "worker_bytes",
]
