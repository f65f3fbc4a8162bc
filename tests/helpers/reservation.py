"""What llama.cpp would reserve for a model, and what the formula says: the same questions to both."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from app.gguf import write_ghost_of
from app.gguf.outline import TensorShape, loading_metadata, outline
from app.memory.compute import compute_bytes, largest_batch
from app.memory.compute.weights import ShapedTensor
from app.memory.geometry import Geometry, read_geometry
from app.memory.kv_cache import KvType, layer_cache
from app.recommend.catalogue import CatalogueModel

MIB = 1024 * 1024


@dataclass(frozen=True)
class Setting:
    """`context` of all `sequences` together, `ubatch` and `outputs` in tokens."""

    context: int
    ubatch: int = 512
    flash_attention: bool = True
    kv_type: KvType = "f16"
    outputs: int = 1
    sequences: int = 1
    whole_window: bool = False


@dataclass(frozen=True)
class Reserved:
    """In MiB: what llama.cpp logs, with two decimals."""

    compute: float
    kv: float
    state: float


SETTINGS = (
    Setting(2048),
    Setting(32768),
    Setting(2048, outputs=512),
    Setting(2048, flash_attention=False),
    Setting(8192, flash_attention=False, outputs=100),
    Setting(8192, kv_type="q8_0"),
    Setting(131072, ubatch=256, kv_type="q4_0"),
    Setting(8192, outputs=4, sequences=4),
    Setting(100),
    Setting(1000, ubatch=200, outputs=77),
    Setting(5000, ubatch=300, flash_attention=False, whole_window=True),
)

_ASK = """
import ctypes, json, re, sys
import llama_cpp

lines = []
listen = llama_cpp.llama_log_callback(lambda level, text, data: lines.append(text.decode("utf-8", "replace")))
llama_cpp.llama_log_set(listen, ctypes.c_void_p(0))
llama_cpp.llama_backend_init()
model_params = llama_cpp.llama_model_default_params()
model_params.no_alloc, model_params.load_mode = True, llama_cpp.LLAMA_LOAD_MODE_NONE
model_params.n_gpu_layers = 0
model = llama_cpp.llama_model_load_from_file(sys.argv[1].encode(), model_params)
if not model:
    sys.exit("".join(lines[-5:]))
types = {"f16": 1, "q8_0": 8, "q4_0": 2}


def logged(pattern):
    return sum(float(size) for size in re.findall(pattern, "".join(lines)))


for setting in json.loads(sys.argv[2]):
    tokens, ubatch, flash, kv_type, outputs, sequences, whole_window = setting
    params = llama_cpp.llama_context_default_params()
    params.n_ctx, params.n_batch, params.n_ubatch, params.n_seq_max = tokens, max(512, ubatch), ubatch, sequences
    params.flash_attn_type, params.swa_full, params.n_outputs_max = int(flash), whole_window, outputs
    params.type_k = params.type_v = types[kv_type]
    lines.clear()
    context = llama_cpp.llama_init_from_model(model, params)
    if not context:
        sys.exit("".join(lines[-5:]))
    kv = logged(r"kv_cache(?:_\\w+)?: size = +([\\d.]+) MiB")
    print(json.dumps([logged(r"compute buffer size = +([\\d.]+)"), kv, logged(r"RS buffer size = +([\\d.]+)")]))
    llama_cpp.llama_free(context)
"""
"""Run in a process of its own, since a failed assertion in llama.cpp ends it."""


def reserved_by_llama_cpp(path: Path, settings: Sequence[Setting] = SETTINGS) -> list[Reserved]:
    """For the model at `path`, which may be a ghost. Raises RuntimeError if llama.cpp does not take it."""
    run = subprocess.run(
        [sys.executable, "-c", _ASK, str(path), json.dumps([astuple(each) for each in settings])],
        capture_output=True,
        text=True,
        env={**os.environ, "GGML_NO_BACKTRACE": "1"},
        timeout=600,
    )
    if run.returncode:
        raise RuntimeError(run.stderr[-2000:])
    return [Reserved(*json.loads(line)) for line in run.stdout.splitlines() if line.startswith("[")]


def reserved_by_formula(geometry: Geometry, tensors: Sequence[ShapedTensor], setting: Setting) -> Reserved:
    """The same, from `app.memory`."""
    caches = [
        layer_cache(
            geometry,
            layer,
            context=setting.context,
            kv_type=setting.kv_type,
            ubatch=setting.ubatch,
            sequences=setting.sequences,
            flash_attention=setting.flash_attention,
            whole_window=setting.whole_window,
        )
        for layer in geometry.layers
    ]
    batch = largest_batch(geometry, **vars(setting))
    return Reserved(
        compute=compute_bytes(geometry, tensors, batch) / MIB,
        kv=sum(cache.kv_bytes for cache in caches) / MIB,
        state=sum(cache.state_bytes for cache in caches) / MIB,
    )


def geometry_of(model: CatalogueModel) -> Geometry | None:
    return read_geometry(loading_metadata(model.architecture, model.geometry), None)


def tensors_of(model: CatalogueModel) -> tuple[TensorShape, ...]:
    return outline(model.architecture, model.geometry, model.tied_embeddings)


def write_catalogue_ghost(model: CatalogueModel, folder: Path) -> Path:
    """With matrices in Q8_0; nothing but the weights' own size depends on their type."""
    path = folder / f"{model.id}.gguf"
    metadata = loading_metadata(model.architecture, model.geometry)
    write_ghost_of(path, metadata, [(tensor, _type_of(tensor)) for tensor in tensors_of(model)])
    return path


def _type_of(tensor: TensorShape) -> str:
    if "tid2eid" in tensor.name:
        return "I32"
    return "F32" if len(tensor.shape) == 1 or tensor.shape[0] % 32 else "Q8_0"
