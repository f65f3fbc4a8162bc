"""The memory formula where several devices compute, against llama.cpp. By hand:
`python -m tests.bench.bench_split [--record] [MODEL...]`.

For models of the catalogue, those that are recorded unless named, and each split: compute buffers of the processor and
of each card in MiB, ours and llama.cpp's, and the worst error of a device; at the end median and worst of all. Goal: 0.
`--record` writes llama.cpp's to `tests/data/memory`, which `tests/unit/memory/test_split.py` holds the formula against.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from importlib.metadata import version
from pathlib import Path

from app.gguf import read_facts
from app.recommend import CatalogueModel, read_catalogue
from tests.helpers.reservation import MIB, write_catalogue_ghost
from tests.helpers.split_reservation import SPLITS, split_by_formula, split_by_llama_cpp, worst_error

RECORD = Path(__file__).parents[1] / "data" / "memory" / "split.toml"
RECORDED = (
    "llama-3.2-1b",
    "qwen2.5-7b",
    "qwen3-4b",
    "gemma-3-4b",
    "mistral-7b-v0.3",
    "command-r7b",
    "mixtral-8x7b",
    "qwen3-30b-a3b",
    "glm-4.5-air",
    "kimi-k2-instruct",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true", help="write what llama.cpp reserves")
    parser.add_argument("models", nargs="*", help="ids of the catalogue")
    options = parser.parse_args()
    models = [model for model in read_catalogue() if model.id in (options.models or RECORDED)]
    lines = [
        f"# What llama.cpp, as in llama-cpp-python {version('llama-cpp-python')}, reserves for models of the catalogue",
        "# on the processor and on each card, in bytes, in the order of SPLITS. Written by",
        "# `python -m tests.bench.bench_split --record`.",
    ]
    errors: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for model in models:
            lines += ["", f'"{model.id}" = [']
            lines += [f"  {theirs}," for theirs in compared(model, Path(folder), errors)]
            lines.append("]")
    print(
        f"\n{len(errors)} cases: median error {statistics.median(map(abs, errors)):.4%}, "
        f"worst {max(errors, key=abs):+.4%}"
    )
    if options.record:
        RECORD.write_text("\n".join(lines) + "\n", encoding="utf-8")


def compared(model: CatalogueModel, folder: Path, errors: list[float]) -> list[list[int]]:
    """Prints one model's table and adds its errors; gives what llama.cpp reserves."""
    path = write_catalogue_ghost(model, folder)
    facts = read_facts(path)
    print(f"{model.id} ({model.architecture})")
    found = []
    for split in SPLITS:
        ours, theirs = split_by_formula(facts, split), split_by_llama_cpp(path, facts, split)
        errors.append(worst_error(ours, theirs))
        numbers = [f"{our / MIB:9.2f} /{true / MIB:9.2f}" for our, true in zip(ours, theirs, strict=True)]
        settings = " ".join(f"{value!s:>6}" for value in vars(split).values())
        print(f"  {settings}  {'  '.join(numbers)}  {errors[-1]:+8.4%}", flush=True)
        found.append(theirs)
    path.unlink()
    return found


if __name__ == "__main__":
    main()
