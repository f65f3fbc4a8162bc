"""Predicted sizes of quantizations beside llama.cpp's own. By hand:
`python -m tests.bench.bench_file_size [--matrix] [--quantizations Q4_K_M,IQ4_XS] [MODEL-ID...]`.

For models of the catalogue, by default one of each kind of architecture, or `all` of them. llama.cpp's size is
what `llama_model_quantize` decides in a dry run on a ghost of the model, every tensor in its type and padded;
the ghost's header, which has no vocabulary, counts in both. Also tells whether all types are equal, and times.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from app.convert.quantizations import QUANTIZATIONS
from app.gguf import TensorInfo, read_facts, read_header, write_ghost_of
from app.gguf.outline import loading_metadata, outline
from app.gguf.types import TENSOR_TYPES
from app.memory.mixture import NoPrediction, predict_file_bytes, read_traits, tensor_types
from app.recommend import read_catalogue
from app.recommend.catalogue import CatalogueModel
from tests.helpers.llama_quantize import ANY_MATRIX, Made, Wanted, llama_quantize

MODELS = (
    *(
        "llama-3.1-8b",
        "llama-3.1-70b",
        "qwen3-8b",
        "qwen3-30b-a3b",
        "gemma-2-9b",
        "gemma-3-4b",
        "gemma-3n-e4b",
    ),
    *(
        "mixtral-8x7b",
        "phi-3-mini-4k",
        "deepseek-v2-lite",
        "deepseek-v3",
        "gpt-oss-20b",
        "granite-4.0-h-tiny",
    ),
    *("qwen3-next-80b-a3b", "lfm2-1.2b"),
)
SIZES = {type.name: type for type in TENSOR_TYPES.values()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--matrix", action="store_true", help="with an importance matrix")
    parser.add_argument("--quantizations", default=",".join(kind.name for kind in QUANTIZATIONS))
    parser.add_argument("models", nargs="*", metavar="MODEL-ID")
    options = parser.parse_args()
    names = options.quantizations.split(",")
    wanted = options.models or MODELS
    print(f"{'':28} {'':10} {'predicted':>16} {'llama.cpp':>16} {'error':>9}")
    compared = wrong = 0
    worst = 0.0
    for model in read_catalogue():
        if model.id in wanted or "all" in wanted:
            tensors, unequal, error = report(model, names, matrix=options.matrix)
            compared, wrong, worst = compared + tensors, wrong + unequal, max(worst, error)
    print(f"{wrong} of {compared} types differ; largest error {worst:.4%}")


def report(model: CatalogueModel, names: list[str], *, matrix: bool) -> tuple[int, int, float]:
    """Prints a model's lines; returns how many types were compared, how many differ, and the largest error."""
    kinds = [kind for kind in QUANTIZATIONS if kind.name in names]
    metadata = loading_metadata(model.architecture, model.geometry)
    shapes = outline(model.architecture, model.geometry, model.tied_embeddings)
    with tempfile.TemporaryDirectory() as folder:
        ghost = Path(folder) / "ghost.gguf"
        write_ghost_of(ghost, metadata, [(shape, _source_type(shape.name, shape.shape)) for shape in shapes])
        tensors, header_bytes = read_facts(ghost).tensors, read_header(ghost).data_offset
        importance = ANY_MATRIX if matrix else {}
        theirs = llama_quantize(ghost, [Wanted(kind.file_type, importance) for kind in kinds])
    traits = read_traits(metadata)
    compared = wrong = 0
    worst = slowest = 0.0
    for kind, made in zip(kinds, theirs, strict=True):
        line = f"{model.id:28} {kind.name:10}"
        start = time.perf_counter()
        try:
            types = tensor_types(tensors, traits, kind.name, importance_matrix=matrix)
        except NoPrediction as reason:
            wrong += not made.failure
            print(f"{line} {reason}; llama.cpp: {made.failure or 'makes it'}")
            continue
        slowest = max(slowest, time.perf_counter() - start)
        predicted = predict_file_bytes(
            tensors, traits, kind.name, importance_matrix=matrix, header_bytes=header_bytes
        )
        truth = _file_bytes(header_bytes, tensors, made)
        error = abs(predicted / truth - 1)
        differ = sum(made.types.get(each.name) != type for each, type in zip(tensors, types, strict=True))
        compared, wrong, worst = compared + len(types), wrong + differ, max(worst, error)
        line += f" {predicted:16,} {truth:16,} {error:9.4%}"
        print(line + (f"  {differ} types differ" if differ else ""), flush=True)
    print(f"{model.id:28} {len(tensors)} tensors, at most {slowest * 1000:.1f} ms")
    return compared, wrong, worst


def _file_bytes(header_bytes: int, tensors: tuple[TensorInfo, ...], made: Made) -> int:
    sizes = (SIZES[made.types[tensor.name]].size_bytes(tensor.elements) for tensor in tensors if made.types)
    return header_bytes + sum(-(-size // 32) * 32 for size in sizes)


def _source_type(name: str, shape: tuple[int, ...]) -> str:
    if "tid2eid" in name:
        return "I32"
    return "F32" if len(shape) == 1 else "BF16"


if __name__ == "__main__":
    main()
