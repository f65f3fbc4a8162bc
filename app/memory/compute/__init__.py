"""The compute buffer: what llama.cpp reserves for the results of one batch.

The graph of a batch is laid out as ggml's allocator does it, without running anything. May import `app.gguf` and
`app.memory.geometry`. Main entry: `compute_bytes`.
"""

from app.memory.compute.batch import Batch
from app.memory.compute.reserve import compute_bytes

__all__ = ["Batch", "compute_bytes"]
