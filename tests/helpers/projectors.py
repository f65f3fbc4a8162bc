"""Projectors of real models as ghost files, and what libmtmd says that they take."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from app.gguf import TypedTensor, write_ghost_of
from app.gguf.header import MetadataValue
from app.gguf.outline import TensorShape

_BIASES = ("attn_q", "attn_k", "attn_v", "attn_out", "ffn_up", "ffn_down")


@dataclass(frozen=True)
class Projector:
    """An encoder of images with what comes after it. `tensors`: by name, those outside of the layers, in the order
    that ggml counts. `keys` under `clip.vision.` unless they begin with "clip."."""

    type: str
    embedding: int
    heads: int
    layers: int
    wide: int
    image: int
    patch: int
    text: int
    tensors: dict[str, tuple[int, ...]]
    keys: dict[str, MetadataValue] = field(default_factory=dict)
    gated: bool = False
    fused: bool = False
    biased: bool = True
    layer_tensors: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def metadata(self) -> dict[str, MetadataValue]:
        own: dict[str, MetadataValue] = {
            **self.keys,
            "embedding_length": self.embedding,
            "feed_forward_length": self.wide,
            "block_count": self.layers,
            "projection_dim": self.text,
            "attention.head_count": self.heads,
            "attention.layer_norm_epsilon": 1e-6,
            "image_size": self.image,
            "patch_size": self.patch,
            "image_mean": (0.5, 0.5, 0.5),
            "image_std": (0.5, 0.5, 0.5),
        }
        return {
            "general.architecture": "clip",
            "general.type": "mmproj",
            "clip.has_vision_encoder": True,
            "clip.projector_type": self.type,
            "clip.use_silu" if self.gated else "clip.use_gelu": True,
            **{key if key.startswith("clip.") else f"clip.vision.{key}": each for key, each in own.items()},
        }

    def typed_tensors(self) -> list[TypedTensor]:
        """Matrices in F16, the rest in F32."""
        shapes = {"v.patch_embd.weight": (self.patch, self.patch, 3, self.embedding), **self.tensors}
        for layer in range(self.layers):
            shapes |= {f"v.blk.{layer}.{name}": shape for name, shape in self._layer().items()}
        return [
            (TensorShape(name, shape), "F16" if len(shape) > 1 and "position" not in name else "F32")
            for name, shape in shapes.items()
        ]

    def _layer(self) -> dict[str, tuple[int, ...]]:
        inner, wide = self.embedding, self.wide
        attention = ("attn_qkv",) if self.fused else ("attn_q", "attn_k", "attn_v")
        shapes: dict[str, tuple[int, ...]] = {
            f"{name}.weight": (inner, 3 * inner if self.fused else inner) for name in attention
        }
        shapes |= {"attn_out.weight": (inner, inner), "ffn_up.weight": (inner, wide)}
        shapes |= {"ffn_down.weight": (wide, inner), "ln1.weight": (inner,), "ln2.weight": (inner,)}
        if self.gated:
            shapes["ffn_gate.weight"] = (inner, wide)
        if self.biased:
            shapes |= {f"{name.removesuffix('.weight')}.bias": shape[-1:] for name, shape in shapes.items()}
        return shapes | self.layer_tensors


def _mlp(first: str, second: str, *lengths: int) -> dict[str, tuple[int, ...]]:
    start, middle, end = lengths
    return {
        f"{first}.weight": (start, middle),
        f"{first}.bias": (middle,),
        f"{second}.weight": (middle, end),
        f"{second}.bias": (end,),
    }


def _norm(name: str, length: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (length,), f"{name}.bias": (length,)}


def _frames(patch: int, embedding: int) -> dict[str, tuple[int, ...]]:
    return {"v.patch_embd.weight.1": (patch, patch, 3, embedding)}


def _siglip_so400m(patches: int) -> dict[str, tuple[int, ...]]:
    return {
        "v.patch_embd.bias": (1152,),
        "v.position_embd.weight": (1152, patches),
        **_norm("v.post_ln", 1152),
    }


PROJECTORS = {
    "llava-1.5-7b": Projector(
        "mlp", 1024, 16, 23, 4096, 336, 14, 4096,
        {
            "v.class_embd": (1024,),
            "v.position_embd.weight": (1024, 577),
            **_norm("v.pre_ln", 1024),
            **_mlp("mm.0", "mm.2", 1024, 4096, 4096),
        },
    ),
    "granite-vision-3.2-2b": Projector(
        "mlp", 1152, 16, 27, 4304, 384, 14, 2048,
        {**_siglip_so400m(729), **_mlp("mm.0", "mm.2", 4608, 2048, 2048)},
        # The first is none, and makes the list one of signed numbers, as llama.cpp wants it.
        {"feature_layer": (-1, 3, 7, 15, 26)},
    ),
    "gemma-3-4b": Projector(
        "gemma3", 1152, 16, 27, 4304, 896, 14, 2560,
        {
            **_siglip_so400m(4096),
            "mm.input_projection.weight": (2560, 1152),
            "mm.soft_emb_norm.weight": (1152,),
        },
    ),
    "smolvlm-500m": Projector(
        "idefics3", 768, 12, 12, 3072, 512, 16, 960,
        {
            "v.patch_embd.bias": (768,),
            "v.position_embd.weight": (768, 1024),
            **_norm("v.post_ln", 768),
            "mm.model.fc.weight": (12288, 960),
        },
        {"projector.scale_factor": 4, "preproc_image_size": 2048},
    ),
    "smolvlm2-2.2b": Projector(
        "idefics3", 1152, 16, 27, 4304, 384, 14, 2048,
        {**_siglip_so400m(729), "mm.model.fc.weight": (10368, 2048)},
        {"projector.scale_factor": 3, "preproc_image_size": 1536},
    ),
    "lfm2-vl-1.6b": Projector(
        "lfm2", 1152, 16, 26, 4304, 256, 16, 2048,
        {**_siglip_so400m(256), **_norm("mm.input_norm", 4608), **_mlp("mm.1", "mm.2", 4608, 2560, 2048)},
        {"projector.scale_factor": 2},
    ),
    "janus-pro-1b": Projector(
        "janus_pro", 1024, 16, 24, 4096, 384, 16, 2048,
        {
            "v.patch_embd.bias": (1024,),
            "v.position_embd.weight": (1024, 576),
            **_norm("v.post_ln", 1024),
            **_mlp("mm.0", "mm.1", 1024, 2048, 2048),
        },
    ),
    "pixtral-12b": Projector(
        "pixtral", 1024, 16, 24, 4096, 1024, 16, 5120,
        {
            "v.pre_ln.weight": (1024,),
            "v.token_embd.img_break": (5120,),
            **_mlp("mm.1", "mm.2", 1024, 5120, 5120),
        },
        gated=True, biased=False,
    ),
    "mistral-small-3.1-24b": Projector(
        "pixtral", 1024, 16, 24, 4096, 1540, 14, 5120,
        {
            "v.pre_ln.weight": (1024,),
            "v.token_embd.img_break": (5120,),
            "mm.input_norm.weight": (1024,),
            "mm.patch_merger.weight": (4096, 1024),
            "mm.1.weight": (1024, 5120),
            "mm.2.weight": (5120, 5120),
        },
        {"spatial_merge_size": 2}, gated=True, biased=False,
    ),
    "qwen2-vl-7b": Projector(
        "qwen2vl_merger", 1280, 16, 32, 5120, 560, 14, 3584,
        {**_frames(14, 1280), **_norm("v.post_ln", 1280), **_mlp("mm.0", "mm.2", 5120, 5120, 3584)},
    ),
    "qwen2.5-vl-7b": Projector(
        "qwen2.5vl_merger", 1280, 16, 32, 3420, 560, 14, 3584,
        {**_frames(14, 1280), "v.post_ln.weight": (1280,), **_mlp("mm.0", "mm.2", 5120, 5120, 3584)},
        {"n_wa_pattern": 8}, gated=True,
    ),
    "qwen3-vl-8b": Projector(
        "qwen3vl_merger", 1152, 16, 27, 4304, 768, 16, 4096,
        {
            **_frames(16, 1152),
            "v.patch_embd.bias": (1152,),
            "v.position_embd.weight": (1152, 2304),
            **_norm("v.post_ln", 1152),
            **_mlp("mm.0", "mm.2", 4608, 4608, 4096),
            **{
                name: shape
                for layer in (8, 16, 24)
                for name, shape in (
                    *_norm(f"v.deepstack.{layer}.norm", 4608).items(),
                    *_mlp(f"v.deepstack.{layer}.fc1", f"v.deepstack.{layer}.fc2", 4608, 4608, 4096).items(),
                )
            },
        },
        {"spatial_merge_size": 2}, fused=True,
    ),
    "internvl3-8b": Projector(
        "internvl", 1024, 16, 24, 4096, 448, 14, 3584,
        {
            "v.class_embd": (1024,),
            "v.patch_embd.bias": (1024,),
            "v.position_embd.weight": (1024, 1025),
            **_norm("mm.model.mlp.0", 4096),
            **_mlp("mm.model.mlp.1", "mm.model.mlp.3", 4096, 3584, 3584),
        },
        {"projector.scale_factor": 2},
        layer_tensors={"ls1.weight": (1024,), "ls2.weight": (1024,)},
    ),
}  # fmt: skip
"""Of these models, with the numbers of their published configurations."""


def write_projector_ghost(projector: Projector, path: Path) -> Path:
    write_ghost_of(path, projector.metadata(), projector.typed_tensors())
    return path


_ASK = """
import ctypes, json, sys
import llama_cpp
from llama_cpp import mtmd_cpp

ask = getattr(mtmd_cpp._libmtmd, "_Z21mtmd_get_memory_usagePKc19mtmd_context_params")
ask.restype = ctypes.c_void_p
ask.argtypes = [ctypes.c_void_p, ctypes.c_char_p, mtmd_cpp.mtmd_context_params]
llama_cpp.llama_backend_init()
for path in sys.argv[1:]:
    params = mtmd_cpp.mtmd_context_params_default()
    params.use_gpu = False
    tree = (ctypes.c_uint64 * 6)()  # std::map: comparison, color, root, first, last, count
    ask(ctypes.addressof(tree), path.encode(), params)
    if tree[5] != 1:
        sys.exit("libmtmd does not take " + path)
    node = (ctypes.c_uint64 * 6).from_address(tree[2])  # color, parent, left, right, device, bytes
    print(node[5], flush=True)
"""
"""Run in a process of its own. The function has no name in C, and what it returns is read as GCC's library lays it
out on x86-64."""


def taken_by_libmtmd(*paths: Path) -> list[int]:
    """Bytes of weights and of the compute buffer together, on the processor. Raises RuntimeError if libmtmd does
    not take a file."""
    run = subprocess.run(
        [sys.executable, "-c", _ASK, *map(str, paths)],
        capture_output=True,
        text=True,
        env={**os.environ, "GGML_NO_BACKTRACE": "1"},
        timeout=600,
    )
    if run.returncode:
        raise RuntimeError(run.stderr[-2000:])
    return [json.loads(line) for line in run.stdout.splitlines()]
