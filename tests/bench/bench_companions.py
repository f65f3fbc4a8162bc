"""What goes with a model against llama.cpp. By hand: `python -m tests.bench.bench_companions [--record]`.

For projectors of real models, weights and working space together, ours and what libmtmd says of a ghost of the file;
for adapters, the compute buffer with them, ours and what llama.cpp logs for a ghost of the model. Goal: equal.

`--record` writes what libmtmd said and llama.cpp logged to `tests/data/memory`, which
`tests/unit/memory/test_companions.py` holds the formula against.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from app.gguf import read_facts
from app.memory.companions.projector import projector_memory
from app.recommend import read_catalogue
from tests.helpers.adapters import (
    ADAPTER_CASES,
    Adapted,
    AdapterCase,
    compute_by_formula,
    reserved_with_adapters,
    write_adapter,
)
from tests.helpers.projectors import PROJECTORS, taken_by_libmtmd, write_projector_ghost
from tests.helpers.reservation import MIB, tensors_of, write_catalogue_ghost

RECORD = Path(__file__).parents[1] / "data" / "memory" / "companions.toml"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true", help="write what llama.cpp said")
    if parser.parse_args().record:
        RECORD.write_text(record(), encoding="utf-8")
        return
    for name, ours, true in projectors():
        print(f"{name:<34} {ours / MIB:10.2f} /{true / MIB:10.2f} MiB  {(ours - true) / true:9.5%}")
    for name, adapted in adapters():
        mib = compute_by_formula(ADAPTER_CASES[name])
        print(
            f"{name:<34} {mib:10.2f} /{adapted.compute_with:10.2f} MiB, {adapted.compute_without:.2f} without"
        )


def projectors() -> Iterator[tuple[str, int, int]]:
    """Name, bytes by the formula and bytes in truth."""
    with tempfile.TemporaryDirectory() as folder:
        for name, projector in PROJECTORS.items():
            path = write_projector_ghost(projector, Path(folder) / f"{name}.gguf")
            memory = projector_memory(read_facts(path))
            (true,) = taken_by_libmtmd(path)
            yield name, memory.weights_bytes + memory.compute_bytes, true


def adapters() -> Iterator[tuple[str, Adapted]]:
    with tempfile.TemporaryDirectory() as folder:
        for name, case in ADAPTER_CASES.items():
            yield name, reserved(case, Path(folder))


def reserved(case: AdapterCase, folder: Path) -> Adapted:
    model = next(each for each in read_catalogue() if each.id == case.model)
    path = write_catalogue_ghost(model, folder)
    adapter = write_adapter(folder / "adapter.gguf", model.architecture, case.tensors(tensors_of(model)))
    told = reserved_with_adapters(
        path, adapter, ubatch=case.ubatch, outputs=case.outputs, flash_attention=case.flash_attention
    )
    path.unlink()
    return told


def record() -> str:
    lines = [
        f"# What llama.cpp, as in llama-cpp-python {version('llama-cpp-python')}, takes on a processor besides a",
        "# model.",
        "# Written by `python -m tests.bench.bench_companions --record`.",
        "",
        "# Bytes of weights and compute buffer of the projectors in tests/helpers/projectors.py, as",
        "# mtmd_get_memory_usage gives them.",
        "[projectors]",
        *(f'"{name}" = {true}' for name, _, true in projectors()),
        "",
        "# MiB that are logged for the adapters in tests/helpers/adapters.py: the compute buffer without and with",
        "# them, and their own.",
        "[adapters]",
    ]
    for name, told in adapters():
        lines.append(f'"{name}" = [{told.compute_without}, {told.compute_with}, {told.adapters}]')
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
