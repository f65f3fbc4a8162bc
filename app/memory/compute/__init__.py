"""The compute buffer: what llama.cpp reserves for the results of one batch.

The graph of a batch is laid out as ggml's allocator does it, without running anything. May import `app.gguf` and
`app.memory.geometry`. Main entries: `largest_batch`, `compute_bytes`.
"""

from app.memory.compute.backends import backend_named
from app.memory.compute.batch import Batch, largest_batch
from app.memory.compute.reserve import compute_bytes, compute_bytes_by_device

__all__ = ["Batch", "backend_named", "compute_bytes", "compute_bytes_by_device", "largest_batch"]
