"""`nibble convert`: a checkpoint or a GGUF in, smaller GGUF out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from app.cli.models import guide_meant_by, made_guide, model_named
from app.cli.running import JsonOption, engine_command, print_json, run_job
from app.cli.terminal import printable
from app.convert import Quantization, is_checkpoint, make_from_checkpoint, quantization_named, quantize
from app.core.errors import UnknownModel
from app.core.jobs import JobControl
from app.core.units import format_bytes
from app.gguf import read_facts
from app.guide import SOURCE_QUANTIZATION
from app.library import means_path
from app.storage import data_folder


@engine_command
def convert(
    source: Annotated[
        str,
        typer.Argument(
            help="An F32, F16 or BF16 GGUF (a path, or a name in the library), or a checkpoint's folder."
        ),
    ],
    to: Annotated[str, typer.Option("--to", help="One or more types, e.g. BF16,Q4_K_M,Q8_0.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="The folder for the results; else the library's.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make quantizations of a model, or a GGUF of a Hugging Face checkpoint."""
    names = [name.strip() for name in to.split(",") if name.strip()]
    if not names:
        raise typer.BadParameter("name at least one type", param_hint="--to")
    kinds = [quantization_named(name) for name in names]
    outputs = [read_facts(path) for path in _from_any(source, kinds, out)]
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


def _from_any(source: str, kinds: list[Quantization], out: Path | None) -> list[Path]:
    """A bare word is the guide's name or one in the library before it is a folder's here; `./word` is the folder."""
    folder = Path(os.path.expanduser(source))
    is_folder = is_checkpoint(folder)
    if is_folder and means_path(source):
        return _from_checkpoint(folder, kinds, out)
    if guide_meant_by(source):
        return _from_guide(kinds, out)
    try:
        model = model_named(source)
    except UnknownModel:
        if is_folder:
            return _from_checkpoint(folder, kinds, out)
        raise
    return _from_gguf(model.path, kinds, out)


def _from_checkpoint(checkpoint: Path, kinds: list[Quantization], out: Path | None) -> list[Path]:
    def work(control: JobControl) -> list[Path]:
        return make_from_checkpoint(checkpoint, [kind.name for kind in kinds], _folder(out), control)

    return run_job("convert a checkpoint", work)


def _from_guide(kinds: list[Quantization], out: Path | None) -> list[Path]:
    """Any name of the built-in model stands for its checkpoint, so that nothing is rounded twice."""
    if out is None:
        return made_guide([kind.name for kind in kinds])
    (source,) = made_guide([SOURCE_QUANTIZATION])
    return _from_gguf(source, kinds, out)


def _from_gguf(source: Path, kinds: list[Quantization], out: Path | None) -> list[Path]:
    paths = []
    for kind in kinds:

        def work(control: JobControl, name: str = kind.name) -> Path:
            return quantize(source, name, _folder(out), control)

        paths.append(run_job(f"convert to {kind.name}", work))
    return paths


def _folder(out: Path | None) -> Path:
    return out or data_folder().create().models
