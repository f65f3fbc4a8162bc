"""LoadSettings: how a model is loaded."""

from __future__ import annotations

from typing import Literal

import msgspec

KvType = Literal["f16", "q8_0", "q4_0"]
FlashAttention = Literal["auto", "on", "off"]
LoadMode = Literal["auto", "mmap", "mlock", "mmap+mlock", "none"]


class Adapter(msgspec.Struct, frozen=True):
    """A LoRA adapter: its file as `os.fsencode` gives it. `strength` 1 is as it was trained, 0 without effect."""

    path: bytes
    strength: float = 1.0


class LoadSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a model is loaded. `context_length` in tokens; `threads` 0: one per physical core; `prompt_threads`, for
    more than one token at once, 0: as many as `threads`.

    `gpu_layers` counts the output as the last layer; -1 is all, and so is any number above what the
    model has; without an accelerator it has no effect. `devices`: ggml's names of those to use, in this order; all
    without. `split`: the parts that each of `devices` gets, in any unit; by their free memory without.
    `kv_type`: how the KV cache stores keys, and values where `value_type` is None; all but "f16" need flash
    attention, which "auto" uses where the devices can. `ubatch`: most tokens evaluated at once;
    `batch`: most that llama.cpp is given at once, 512 and one `ubatch` at least.
    `sequences` share the context: each has an equal part of it.
    `expert_layers_in_memory`: of so many layers, from the first, the weights of experts stay in main memory whatever
    the layer's device; -1 is all.
    `processor_only`: accelerators are left alone; without, one that has no layers still computes long prompts.
    `load_mode` in llama.cpp's words: "mmap" reads the file where it lies, "none" copies it, "mlock" keeps it from
    being swapped out; "auto" is mmap where the devices can. `adapters` are all in use at once.
    """

    context_length: int = 4096
    threads: int = 0
    prompt_threads: int = 0
    gpu_layers: int = -1
    devices: tuple[str, ...] = ()
    split: tuple[float, ...] = ()
    kv_type: KvType = "f16"
    value_type: KvType | None = None
    batch: int = 512
    ubatch: int = 512
    flash_attention: FlashAttention = "auto"
    sequences: int = 1
    expert_layers_in_memory: int = 0
    processor_only: bool = False
    load_mode: LoadMode = "auto"
    adapters: tuple[Adapter, ...] = ()
