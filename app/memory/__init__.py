"""The memory formula: what a model with its context will take.

A first, plain version: weights, KV cache and a flat allowance for everything else. May import
`app.core` and `app.gguf`. Main entries: `estimate`, `require_memory`.
"""

from app.memory.estimate import MemoryEstimate, default_context_length, estimate
from app.memory.fit import require_memory

__all__ = ["MemoryEstimate", "default_context_length", "estimate", "require_memory"]
