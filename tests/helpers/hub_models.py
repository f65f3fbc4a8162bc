"""Repositories for the local Hub with models in them that have a header and nothing else."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from app.gguf.ghost import write_ghost_of
from app.gguf.outline import loading_metadata, outline
from app.gguf.reader import read_header
from app.gguf.types import QUANTIZATIONS
from app.memory.mixture import read_traits, tensor_types
from app.recommend.catalogue import read_catalogue
from tests.helpers.hub_server import Hole, Repository
from tests.helpers.raw_gguf import F16, INT32, STRING, UINT16, UINT32, RawGguf

VOCABULARY = 128_000
"""Tokens, and as many merges, as Llama 3 has them."""

WEIGHTS_BYTES = 5_000_000_000


def large_model(vocabulary: int = VOCABULARY, weights_bytes: int = WEIGHTS_BYTES) -> Hole:
    """A header as of a model of two layers, and a hole of so many bytes behind it."""
    raw = _keys(RawGguf(), vocabulary)
    _tensors(raw, ("token_embd.weight", *_layer(0), *_layer(1), "output_norm.weight"))
    return _hole(raw, weights_bytes)


def split_model(name: str, parts: int, weights_bytes: int = WEIGHTS_BYTES) -> dict[str, Hole]:
    """As `llama-gguf-split` makes them: all keys in the first part, in the others where they belong."""
    names = ["token_embd.weight", *_layer(0), *_layer(1), "output_norm.weight"]
    files = {}
    for part in range(parts):
        raw = _keys(RawGguf(), 1000) if part == 0 else RawGguf()
        raw.key("split.no", UINT16, part).key("split.count", UINT16, parts)
        raw.key("split.tensors.count", INT32, len(names))
        _tensors(raw, names[part::parts])
        files[f"{name}-{part + 1:05d}-of-{parts:05d}.gguf"] = _hole(raw, weights_bytes)
    return files


def repository(id: str = "ada/M-GGUF", files: dict[str, Any] | None = None, **options: Any) -> Repository:
    return Repository(id, {"M-Q4_K_M.gguf": large_model()} if files is None else files, **options)


@cache
def catalogue_file(id: str, quantization: str) -> Hole:
    """The file of a model of the catalogue, with a hole for its weights."""
    model = next(each for each in read_catalogue() if each.id == id)
    shapes = outline(model.architecture, model.geometry, model.tied_embeddings)
    metadata = loading_metadata(model.architecture, model.geometry)
    numbers = {known: number for number, known in QUANTIZATIONS.items()}
    metadata["general.file_type"] = numbers[quantization]
    types = tensor_types(shapes, read_traits(metadata), quantization)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "ghost.gguf")
        write_ghost_of(path, metadata, zip(shapes, types, strict=True))
        with path.open("rb") as file:
            return Hole(file.read(read_header(path).data_offset), path.stat().st_size)


def _keys(raw: RawGguf, vocabulary: int) -> RawGguf:
    raw.key("general.architecture", STRING, "llama").key("general.name", STRING, "Large")
    raw.key("general.file_type", UINT32, 1)
    raw.key("llama.block_count", UINT32, 2).key("llama.context_length", UINT32, 8192)
    raw.key("llama.embedding_length", UINT32, 256).key("llama.attention.head_count", UINT32, 8)
    raw.key("llama.attention.head_count_kv", UINT32, 2).key("llama.feed_forward_length", UINT32, 512)
    raw.key_array("tokenizer.ggml.tokens", STRING, [f"token{number:06d}" for number in range(vocabulary)])
    raw.key_array("tokenizer.ggml.token_type", INT32, [1] * vocabulary)
    return raw.key_array(
        "tokenizer.ggml.merges", STRING, [f"to ken{number:06d}" for number in range(vocabulary)]
    )


_SHAPES = {
    "attn_k": (256, 64),
    "attn_v": (256, 64),
    "ffn_gate": (256, 512),
    "ffn_up": (256, 512),
    "ffn_down": (512, 256),
}


def _layer(number: int) -> list[str]:
    kinds = (
        "attn_norm",
        "attn_q",
        "attn_k",
        "attn_v",
        "attn_output",
        "ffn_norm",
        "ffn_gate",
        "ffn_up",
        "ffn_down",
    )
    return [f"blk.{number}.{kind}.weight" for kind in kinds]


def _tensors(raw: RawGguf, names: Any) -> None:
    offset = 0
    for name in names:
        kind = name.removeprefix("blk.").partition(".")[2].removesuffix(".weight")
        shape = (256,) if "norm" in name else _SHAPES.get(kind, (256, 1000 if "embd" in name else 256))
        size = 2 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        raw.tensor(name, shape, F16, offset=offset)
        offset += -(-size // 32) * 32


def _hole(raw: RawGguf, weights_bytes: int) -> Hole:
    head = raw.header()
    head += bytes(-len(head) % 32)
    return Hole(head, len(head) + weights_bytes)
