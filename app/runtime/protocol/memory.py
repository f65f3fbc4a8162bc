"""What a model takes in memory, as the runtime says."""

from __future__ import annotations

import msgspec


class BufferSize(msgspec.Struct, frozen=True):
    """What is in buffers of one of ggml's types, which `buffer` names: "CPU", "CUDA0", "CUDA_Host".

    `size_bytes` None: the runtime did not say.
    """

    buffer: str
    size_bytes: int | None


def _known_bytes(buffers: tuple[BufferSize, ...]) -> int:
    return sum(buffer.size_bytes or 0 for buffer in buffers)


class MemoryBuffers(msgspec.Struct, frozen=True, kw_only=True):
    """What the runtime's log says about its memory.

    The log gives MiB with two decimals, so each size is within 5,243 bytes (2^20 / 200) of the truth, a sum
    of n of them within n times that, and a KV cache beyond 16 GiB within a part in ten million, as it is
    computed in single precision; no portable function of llama.cpp gives the bytes.

    `weights`: "CPU_Mapped" is the span of the file that is mapped, of which "CPU_REPACK" or "AMX" may
    hold a second copy. `kv_cache_bytes` is the whole KV cache, summed over its parts (sliding window,
    indexer) where there are several. `recurrent_state`, which is any that does not grow with the context,
    and `output` (logits) are allocated once. `compute` holds the activations of the largest batch.
    `layer_devices`: the device of each layer, in order, the output last. `flash_attention`: whether used.
    """

    weights: tuple[BufferSize, ...]
    kv_cache: tuple[BufferSize, ...]
    kv_cache_bytes: int
    recurrent_state: tuple[BufferSize, ...]
    output: tuple[BufferSize, ...]
    compute: tuple[BufferSize, ...]
    layer_devices: tuple[str, ...]
    flash_attention: bool

    @property
    def cache_bytes(self) -> int:
        """KV cache and recurrent state."""
        return self.kv_cache_bytes + _known_bytes(self.recurrent_state)

    @property
    def working_bytes(self) -> int:
        """Compute and output buffers."""
        return _known_bytes(self.compute) + _known_bytes(self.output)


class ModelDescription(msgspec.Struct, frozen=True, kw_only=True):
    """What was loaded. `context_length`: of one sequence. `memory_bytes`: of the worker after loading,
    each weight counted once; `buffers`: what the runtime says it allocated."""

    context_length: int
    memory_bytes: int
    buffers: MemoryBuffers


class DryRunResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a load would allocate.

    `weights_bytes`: of all tensors in the file, exact; those that only predict further tokens are not
    loaded. In `buffers`, sizes of `weights` are None, and of `kv_cache` where one is spread over several
    devices; the rest is as in a load. `context_length` in tokens, all sequences together, as llama.cpp
    rounds it.
    """

    weights_bytes: int
    context_length: int
    buffers: MemoryBuffers
