"""LoRA adapters for models, and what llama.cpp takes for them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from app.gguf import write_ghost_of
from app.gguf.header import MetadataValue
from app.gguf.outline import TensorShape
from app.memory.compute import compute_bytes, largest_batch
from app.memory.compute.weights import ShapedTensor
from app.recommend.catalogue import read_catalogue
from tests.helpers.reservation import MIB, Setting, geometry_of, tensors_of


def adapted(tensors: Iterable[ShapedTensor], rank: int, *endings: str) -> list[TensorShape]:
    """An adapter's tensors for the weights of which that is the last part of the name, without ".weight"."""
    pairs: list[TensorShape] = []
    for tensor in tensors:
        name = tensor.name.removesuffix(".weight")
        if len(tensor.shape) < 2 or not f".{name}".endswith(tuple(f".{ending}" for ending in endings)):
            continue
        inner, outer, *experts = tensor.shape
        low, high = (inner, rank, *experts), (rank, outer, *experts)
        if name == "token_embd":  # its rows are looked up, not multiplied by
            low, high = (rank, outer), (rank, inner)
        pairs += [TensorShape(f"{tensor.name}.lora_a", low), TensorShape(f"{tensor.name}.lora_b", high)]
    return pairs


def write_adapter(
    path: Path, architecture: str, tensors: Iterable[TensorShape], **changes: MetadataValue
) -> Path:
    """All zeros, in F16. `changes` to metadata with underscores for dots; in `general_type` for example."""
    metadata: dict[str, MetadataValue] = {
        "general.architecture": architecture,
        "general.type": "adapter",
        "adapter.type": "lora",
        "adapter.lora.alpha": 16.0,
    }
    metadata |= {key.replace("_", "."): value for key, value in changes.items()}
    write_ghost_of(path, metadata, [(tensor, "F16") for tensor in tensors])
    return path


@dataclass(frozen=True)
class Adapted:
    """In MiB with two decimals, as llama.cpp logs them: compute buffers without and with adapters, and these."""

    compute_without: float
    compute_with: float
    adapters: float


_ASK = """
import ctypes, json, os, re, sys
import llama_cpp

path, context, ubatch, outputs, flash, *adapters = sys.argv[1:]
lines = []


def logged(pattern):
    return sum(float(size) for size in re.findall(pattern, "".join(lines)))


def listen(level, text, data):
    lines.append(text.decode("utf-8", "replace"))
    if without is not None and "reserve took" in lines[-1]:
        # It would compute now, for which a ghost has no weights.
        sys.stdout.write(json.dumps([without, logged(r"compute buffer size = +([\\d.]+)"), loaded]))
        sys.stdout.flush()
        os._exit(0)


without = None
callback = llama_cpp.llama_log_callback(listen)
llama_cpp.llama_log_set(callback, ctypes.c_void_p(0))
llama_cpp.llama_backend_init()
params = llama_cpp.llama_model_default_params()
params.no_alloc, params.load_mode, params.n_gpu_layers = True, llama_cpp.LLAMA_LOAD_MODE_NONE, 0
model = llama_cpp.llama_model_load_from_file(path.encode(), params)
if not model:
    sys.exit("".join(lines[-5:]))
lines.clear()
found = [llama_cpp.llama_adapter_lora_init(model, each.encode()) for each in adapters]
if not all(found):
    sys.exit("".join(line for line in lines if "failed to" in line))
loaded = logged(r"LoRA buffer size = +([\\d.]+)")
params = llama_cpp.llama_context_default_params()
params.n_ctx, params.n_batch, params.n_ubatch = int(context), max(512, int(ubatch)), int(ubatch)
params.flash_attn_type, params.swa_full, params.n_outputs_max = int(flash), False, int(outputs)
lines.clear()
context = llama_cpp.llama_init_from_model(model, params)
if not context:
    sys.exit("".join(lines[-5:]))
first = logged(r"compute buffer size = +([\\d.]+)")
scales = (ctypes.c_float * len(found))(*[1.0] * len(found))
pointers = (ctypes.c_void_p * len(found))(*[ctypes.cast(each, ctypes.c_void_p).value for each in found])
pointers = ctypes.cast(pointers, ctypes.POINTER(llama_cpp.llama_adapter_lora_p_ctypes))
llama_cpp.llama_set_adapters_lora(context, pointers, len(found), scales)
lines.clear()
without = first
tokens = (llama_cpp.llama_token * 1)(5)
llama_cpp.llama_decode(context, llama_cpp.llama_batch_get_one(tokens, 1))
sys.exit("llama.cpp reserved nothing again")
"""
"""Run in a process of its own, which ends when llama.cpp has reserved for the adapters."""


def reserved_with_adapters(
    model: Path,
    *adapters: Path,
    context: int = 2048,
    ubatch: int = 512,
    outputs: int = 1,
    flash_attention: bool = True,
) -> Adapted:
    """For a model that may be a ghost. Raises RuntimeError with what llama.cpp says if it does not take an adapter."""
    numbers = [str(each) for each in (context, ubatch, outputs, int(flash_attention))]
    run = subprocess.run(
        [sys.executable, "-c", _ASK, str(model), *numbers, *map(str, adapters)],
        capture_output=True,
        text=True,
        env={**os.environ, "GGML_NO_BACKTRACE": "1"},
        timeout=600,
    )
    if run.returncode:
        raise RuntimeError(f"{run.returncode}: {run.stderr[-2000:]}")
    return Adapted(*json.loads(run.stdout))


@dataclass(frozen=True)
class AdapterCase:
    """An adapter for a model of the catalogue: which weights it changes, and how much is computed at once."""

    model: str
    rank: int
    endings: tuple[str, ...]
    ubatch: int = 512
    outputs: int = 1
    flash_attention: bool = True

    def tensors(self, of_model: Iterable[ShapedTensor]) -> list[TensorShape]:
        return adapted(of_model, self.rank, *self.endings)


_ATTENTION = (
    "attn_q",
    "attn_k",
    "attn_v",
    "attn_qkv",
    "attn_output",
    "attn_q_a",
    "attn_q_b",
    "attn_kv_a_mqa",
)
_FORWARD = ("ffn_up", "ffn_gate", "ffn_down")
_EXPERTS = ("ffn_gate_inp", "ffn_up_exps", "ffn_gate_exps", "ffn_down_exps")
_SHARED = ("ffn_up_shexp", "ffn_gate_shexp", "ffn_down_shexp")

ADAPTER_CASES = {
    "attention": AdapterCase("llama-3.2-1b", 8, ("attn_q", "attn_v")),
    "all matrices": AdapterCase("qwen3-0.6b", 64, (*_ATTENTION, *_FORWARD)),
    "all matrices, no flash attention": AdapterCase(
        "qwen3-0.6b", 16, (*_ATTENTION, *_FORWARD), flash_attention=False
    ),
    "fused matrices": AdapterCase("phi-3-mini-4k", 64, (*_ATTENTION, *_FORWARD)),
    "embedding and output": AdapterCase(
        "phi-3-mini-4k", 256, (*_ATTENTION, *_FORWARD, "output", "token_embd"), outputs=64
    ),
    "output of a large vocabulary": AdapterCase("qwen3-30b-a3b", 64, ("output",), ubatch=256, outputs=256),
    "experts": AdapterCase("mixtral-8x7b", 4, (*_ATTENTION, *_EXPERTS)),
    "shared experts, latent attention": AdapterCase("deepseek-v2-lite", 4, (*_ATTENTION, *_SHARED)),
    "output that takes none": AdapterCase("deepseek-v2-lite", 64, ("output",), ubatch=256, outputs=256),
    "windows": AdapterCase("gemma-2-2b", 64, (*_ATTENTION, *_FORWARD), ubatch=256, outputs=256),
    "sinks": AdapterCase("gpt-oss-20b", 16, (*_ATTENTION, "output"), ubatch=256, outputs=256),
    "hybrid": AdapterCase("granite-4.0-h-1b", 64, (*_ATTENTION, *_FORWARD, "ssm_in", "ssm_out")),
}
"""By what they are about."""


def compute_by_formula(case: AdapterCase) -> float:
    """MiB of the compute buffer with the adapter, for a context of 2,048 tokens."""
    model = next(each for each in read_catalogue() if each.id == case.model)
    geometry, tensors = geometry_of(model), tensors_of(model)
    assert geometry
    setting = Setting(2048, ubatch=case.ubatch, outputs=case.outputs, flash_attention=case.flash_attention)
    batch = largest_batch(geometry, **vars(setting))
    return compute_bytes(geometry, (*tensors, *case.tensors(tensors)), batch) / MIB
