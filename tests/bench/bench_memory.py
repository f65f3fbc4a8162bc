"""The memory formula against llama.cpp. By hand: `python -m tests.bench.bench_memory [--record] [MODEL...]`.

For models of the catalogue, all of them unless named, and each setting: compute buffer, KV cache and
recurrent state, ours and what llama.cpp logs for a ghost of the model, and the error of the total with
weights in Q8_0. At the end median and worst of the errors. Goal: 0.

`--record` writes what llama.cpp logged of some models of each architecture to `tests/data/memory`, which
`tests/unit/memory/test_compute.py` holds the formula against.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from app.gguf import read_facts
from app.recommend import CatalogueModel, read_catalogue
from tests.helpers.reservation import (
    MIB,
    SETTINGS,
    Reserved,
    geometry_of,
    reserved_by_formula,
    reserved_by_llama_cpp,
    tensors_of,
    write_catalogue_ghost,
)

RECORD = Path(__file__).parents[1] / "data" / "memory" / "reserved.toml"
RECORDED_OF_EACH_ARCHITECTURE = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true", help="write what llama.cpp logged")
    parser.add_argument("models", nargs="*", help="ids of the catalogue")
    options = parser.parse_args()
    models = [model for model in read_catalogue() if not options.models or model.id in options.models]
    if options.record:
        RECORD.write_text(record(few_of_each_architecture(models)), encoding="utf-8")
        return
    errors: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for model in models:
            errors += compared(model, Path(folder))
    print(f"\n{len(errors)} cases: median error {statistics.median(errors):.4%}, worst {max(errors):.4%}")


def compared(model: CatalogueModel, folder: Path) -> list[float]:
    """Prints one model's table; gives the errors of the totals, which are not below 0."""
    geometry, tensors = geometry_of(model), tensors_of(model)
    if geometry is None:
        print(f"{model.id} ({model.architecture}): not known to the formula")
        return []
    path = write_catalogue_ghost(model, folder)
    weights = read_facts(path).tensor_bytes / MIB
    truths = reserved_by_llama_cpp(path)
    path.unlink()
    start = time.perf_counter()
    ours = [reserved_by_formula(geometry, tensors, setting) for setting in SETTINGS]
    milliseconds = (time.perf_counter() - start) * 1e3 / len(SETTINGS)
    per_layer = milliseconds / len(geometry.layers)
    print(f"{model.id} ({model.architecture}): {milliseconds:.1f} ms, {per_layer:.3f} ms per layer")
    errors = []
    for setting, our, true in zip(SETTINGS, ours, truths, strict=True):
        total = weights + true.compute + true.kv + true.state
        errors.append(abs(weights + our.compute + our.kv + our.state - total) / total)
        numbers = [f"{mine:10.2f} /{theirs:10.2f}" for mine, theirs in zip(row(our), row(true), strict=True)]
        print(f"  {described(setting)}  {'  '.join(numbers)}  {errors[-1]:8.4%}", flush=True)
    return errors


def row(reserved: Reserved) -> tuple[float, ...]:
    return reserved.compute, reserved.kv, reserved.state


def described(setting: object) -> str:
    return " ".join(f"{value!s:>6}" for value in vars(setting).values())


def few_of_each_architecture(models: Iterable[CatalogueModel]) -> list[CatalogueModel]:
    """The smallest and the largest, which differ most."""
    by_architecture: dict[str, list[CatalogueModel]] = {}
    for model in models:
        if geometry_of(model):
            by_architecture.setdefault(model.architecture, []).append(model)
    chosen = []
    for group in by_architecture.values():
        group.sort(key=lambda model: model.parameters)
        chosen += group[:1] + group[1:][-1:]
    return chosen


def record(models: Iterable[CatalogueModel]) -> str:
    lines = [
        f"# What llama.cpp, as in llama-cpp-python {version('llama-cpp-python')}, logged that it would reserve on a",
        "# processor for models of the catalogue, in MiB: compute buffer, KV cache, recurrent state. Written by",
        "# `python -m tests.bench.bench_memory --record`.",
        "",
        "settings = [",
        *(f"  {{{inline(vars(setting))}}}," for setting in SETTINGS),
        "]",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for model in models:
            path = write_catalogue_ghost(model, Path(folder))
            truths = reserved_by_llama_cpp(path)
            path.unlink()
            lines += ["", f'[models."{model.id}"]']
            for name in ("compute", "kv", "state"):
                lines.append(f"{name} = [{', '.join(str(getattr(each, name)) for each in truths)}]")
    return "\n".join(lines) + "\n"


def inline(values: dict[str, object]) -> str:
    def written(value: object) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        return f'"{value}"' if isinstance(value, str) else str(value)

    return ", ".join(f"{key} = {written(value)}" for key, value in values.items())


if __name__ == "__main__":
    main()
