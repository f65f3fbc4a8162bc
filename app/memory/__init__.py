"""The memory formula: what a model with its context takes on each device, before anything is loaded.

May import everything below it down to `app.core`. Main entries: `estimate` for one model, `plan_loads` for a set of
them on a machine, `Keeper` for who is about to load. Weights are the tensors' own bytes; `geometry` and `kv_cache` have
the KV cache layer by layer, `compute` lays out the graph of a batch as ggml's allocator does, `placement` puts layers
on devices, `companions` adds what is loaded with a model.
"""

from app.memory.estimate import (
    Companion,
    DeviceMemory,
    MemoryEstimate,
    default_context_length,
    estimate,
    exact_estimate,
)
from app.memory.giving_back import Unreturned
from app.memory.held import Held, held_by
from app.memory.keeper import Keeper
from app.memory.loads import PastLoads, expected_load_s, past_loads, remember_load, worker_bytes
from app.memory.plan import Load, LoadPlan, Way, plan_loads
from app.memory.rest import Rest
from app.memory.spread import Spread, spread_of

__all__ = [
    "Companion",
    "DeviceMemory",
    "Held",
    "Keeper",
    "Load",
    "LoadPlan",
    "MemoryEstimate",
    "PastLoads",
    "Rest",
    "Spread",
    "Unreturned",
    "Way",
    "default_context_length",
    "estimate",
    "exact_estimate",
    "expected_load_s",
    "held_by",
    "past_loads",
    "plan_loads",
    "remember_load",
    "spread_of",
    "worker_bytes",
]
