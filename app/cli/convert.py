"""`nibble convert`: GGUF in, smaller GGUF out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.models import model_named
from app.cli.running import JsonOption, engine_command, print_json, run_job
from app.cli.terminal import printable
from app.convert import quantization_named, quantize
from app.core.jobs import JobControl
from app.core.units import format_bytes
from app.gguf import ModelFacts, read_facts
from app.storage import data_folder


@engine_command
def convert(
    source: Annotated[
        str, typer.Argument(help="An F32, F16 or BF16 GGUF: a path, or a name in the library.")
    ],
    to: Annotated[str, typer.Option("--to", help="One or more types, e.g. Q4_K_M,Q8_0.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="The folder for the results; else the library's.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make quantizations of a model."""
    names = [name.strip() for name in to.split(",") if name.strip()]
    if not names:
        raise typer.BadParameter("name at least one type", param_hint="--to")
    kinds = [quantization_named(name) for name in names]
    entry = model_named(source)
    folder = out or data_folder().create().models
    outputs: list[ModelFacts] = []
    for kind in kinds:

        def work(control: JobControl, name: str = kind.name) -> Path:
            return quantize(entry.path, name, folder, control)

        outputs.append(read_facts(run_job(f"convert to {kind.name}", work)))
    if as_json:
        print_json(
            {
                "outputs": [
                    {
                        "path": str(facts.path),
                        "quantization": facts.quantization,
                        "file_bytes": facts.file_bytes,
                        "bits_per_weight": facts.bits_per_weight,
                    }
                    for facts in outputs
                ]
            }
        )
        return
    for facts in outputs:
        bits = f"{facts.bits_per_weight:.2f} bits per weight" if facts.bits_per_weight else ""
        path = printable(str(facts.path), lines=False)
        print(f"{path}  {facts.quantization}  {format_bytes(facts.file_bytes)}  {bits}")
