"""`nibble convert`: a checkpoint or a GGUF in, smaller GGUF out."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

import resources
from app.cli.calibration import (
    CalibrateOption,
    ImportanceOption,
    calibrated_with,
    importance_file,
    importance_given,
    tell_fit,
)
from app.cli.convert_foretold import print_foretold
from app.cli.convert_notes import print_notes
from app.cli.convert_report import keep_and_measure, print_outputs
from app.cli.models import guide_meant_by, made_guide, model_named
from app.cli.running import JsonOption, engine_command, run_job
from app.convert import (
    NONE_CHOSEN,
    SOURCE_TYPES,
    WHOLE,
    Calibration,
    Choices,
    Foretold,
    OtherConverter,
    Quantization,
    Splitting,
    TensorTypes,
    convert_adapter,
    foretell,
    importance_taken,
    is_adapter,
    is_checkpoint,
    make_from_checkpoint,
    quantization_named,
    quantize_several,
    read_tensor_types,
    require_importance,
)
from app.convert.activation_aware.making import make_activation_aware
from app.convert.non_finite import NonFiniteFound, NonFiniteTensor
from app.core.errors import UnknownModel, WrongChoice
from app.core.jobs import JobControl
from app.guide import SOURCE_QUANTIZATION
from app.library import means_path
from app.storage import data_folder


@engine_command
def convert(
    source: Annotated[
        str,
        typer.Argument(
            help="An F32, F16 or BF16 GGUF (a path, or a name in the library), or the folder of a checkpoint or a "
            "LoRA adapter."
        ),
    ],
    to: Annotated[str, typer.Option("--to", help="One or more types, e.g. BF16,Q4_K_M,Q8_0.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="The folder for the results; else the library's.")
    ] = None,
    tensor_type: Annotated[
        list[str] | None,
        typer.Option(
            "--tensor-type",
            metavar="PATTERN=TYPE",
            help="A type for tensors whose names have the pattern in them, e.g. attn_v=q8_0; may be repeated.",
        ),
    ] = None,
    output_type: Annotated[
        str | None, typer.Option("--output-type", help="A type for the output, e.g. q8_0.")
    ] = None,
    embedding_type: Annotated[
        str | None, typer.Option("--embedding-type", help="A type for the tokens' embedding.")
    ] = None,
    pure: Annotated[
        bool, typer.Option("--pure", help="One type for all tensors, without the quantization's mixture.")
    ] = False,
    keep_split: Annotated[
        bool, typer.Option("--keep-split", help="As many files as the source has, with the same tensors.")
    ] = False,
    split_size: Annotated[
        str | None,
        typer.Option("--split-size", help="Files with tensors of at most so many bytes, e.g. 500M or 2G."),
    ] = None,
    lora: Annotated[
        Path | None,
        typer.Option(
            "--lora", help="The folder of an adapter to merge into a checkpoint before it is rounded."
        ),
    ] = None,
    base: Annotated[
        Path | None,
        typer.Option(
            "--base", help="For an adapter: the folder or config.json of the model it was trained for."
        ),
    ] = None,
    activation_aware: Annotated[
        bool,
        typer.Option(
            "--activation-aware",
            help="Scale a checkpoint's weights by the inputs they meet before they are rounded (AWQ); with "
            "--importance.",
        ),
    ] = False,
    importance: ImportanceOption = None,
    calibrate: CalibrateOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would be made and how large, and write nothing.")
    ] = False,
    errors: Annotated[
        bool, typer.Option("--errors", help="Tell what it cost each tensor; reads both once more.")
    ] = False,
    allow_non_finite: Annotated[
        bool,
        typer.Option(
            "--allow-non-finite",
            help="Convert a checkpoint to F32, F16 or BF16 although some weights are NaN or infinite.",
        ),
    ] = False,
    converter: Annotated[
        Path | None,
        typer.Option(
            "--converter",
            help="llama.cpp's convert_hf_to_gguf.py, to run for architectures that Nibble does not convert. It is a "
            "program of yours, and may run what comes with the checkpoint.",
        ),
    ] = None,
    converter_python: Annotated[
        str,
        typer.Option(
            "--converter-python",
            help="The Python to run it with, which has PyTorch; else the one that is found first.",
        ),
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Make quantizations of a model, or a GGUF of a Hugging Face checkpoint or a LoRA adapter."""
    names = [name.strip() for name in to.split(",") if name.strip()]
    if not names:
        raise typer.BadParameter("name at least one type", param_hint="--to")
    kinds = [quantization_named(name) for name in names]
    chosen = read_tensor_types(tensor_type or [], output_type, embedding_type, pure=pure)
    other = OtherConverter(converter, converter_python) if converter is not None else None
    matrix = importance_given(importance, calibrate)
    choices = _Choices(
        chosen, _splitting(keep_split, split_size), allow_non_finite, other, matrix, activation_aware
    )
    if dry_run:
        _foretell(source, kinds, _folder(out), choices, _Beside(lora, base), as_json=as_json)
        return
    made = _from_any(source, kinds, out, choices, _Beside(lora, base))
    if matrix is not None and made.source is not None and not {*SOURCE_TYPES}.issuperset(names):
        tell_fit(importance_file(matrix, made.paths[0]), made.paths[0])
    if errors and made.source is None:
        raise WrongChoice(
            "With an adapter or scaled weights there is nothing to hold them against.", "Leave --errors out."
        )
    outputs = [
        keep_and_measure(path, made.source, wants_errors=errors, calibrated_with=calibrated_with(matrix))
        for path in made.paths
    ]
    print_outputs(outputs, made.non_finite, as_json=as_json)


@dataclass(frozen=True)
class _Choices:
    types: TensorTypes = NONE_CHOSEN
    splitting: Splitting = WHOLE
    allow_non_finite: bool = False
    converter: OtherConverter | None = None
    importance: Path | Calibration | None = None
    activation_aware: bool = False


def _splitting(keep: bool, size: str | None) -> Splitting:
    if size is None:
        return Splitting(keep=keep)
    if keep:
        raise typer.BadParameter("either keep the parts or choose their size", param_hint="--keep-split")
    match = re.fullmatch(r"([0-9]{1,6})([MG])B?", size.strip(), re.IGNORECASE)
    if match is None or not int(match[1]):
        raise typer.BadParameter("write 500M or 2G", param_hint="--split-size")
    return Splitting(most_bytes=int(match[1]) * (10**6 if match[2].upper() == "M" else 10**9))


@dataclass(frozen=True)
class _Beside:
    """Folders named beside the source: of an adapter to merge, or of an adapter's own model."""

    lora: Path | None
    base: Path | None


@dataclass(frozen=True)
class _Made:
    """`source`: a GGUF, or the folder of a checkpoint; None where an adapter or scales had their part in it.
    `non_finite`: tensors of a checkpoint with weights that are no numbers, where those were allowed."""

    source: Path | None
    paths: list[Path]
    non_finite: tuple[NonFiniteTensor, ...] = ()


def _from_any(
    source: str, kinds: list[Quantization], out: Path | None, choices: _Choices, beside: _Beside
) -> _Made:
    """A bare word is the guide's name or one in the library before it is a folder's here; `./word` is the folder."""
    folder = Path(os.path.expanduser(source))
    is_folder = is_checkpoint(folder)
    if is_folder and means_path(source):
        return _from_folder(folder, kinds, out, choices, beside)
    if beside.lora is not None or beside.base is not None:
        if is_folder:
            return _from_folder(folder, kinds, out, choices, beside)
        raise WrongChoice(
            "--lora and --base go with the folder of a checkpoint or an adapter.",
            "A GGUF takes its adapters while it runs: nibble chat MODEL --lora ADAPTER.gguf.",
        )
    if choices.activation_aware and not is_folder:
        raise WrongChoice(
            "Only a checkpoint's weights are scaled, not those of a GGUF.", "Leave --activation-aware out."
        )
    if guide_meant_by(source):
        return _from_guide(kinds, out, choices)
    try:
        model = model_named(source)
    except UnknownModel:
        if is_folder:
            return _from_folder(folder, kinds, out, choices, beside)
        raise
    return _from_gguf(model.path, kinds, out, choices)


def _foretell(
    source: str,
    kinds: list[Quantization],
    out: Path,
    choices: _Choices,
    beside: _Beside,
    *,
    as_json: bool,
) -> None:
    folder = Path(os.path.expanduser(source))
    is_folder = is_checkpoint(folder)
    if is_folder and is_adapter(folder):
        raise WrongChoice("How large an adapter will be is not told beforehand.", "Leave --dry-run out.")
    if is_folder and (means_path(source) or beside.lora is not None):
        path = folder
    elif guide_meant_by(source):
        (path,) = made_guide([SOURCE_QUANTIZATION])
    else:
        try:
            path = model_named(source).path
        except UnknownModel:
            if not is_folder:
                raise
            path = folder

    matrix = choices.importance
    if isinstance(matrix, Calibration):
        raise WrongChoice(
            "With --calibrate the importance matrix is not there beforehand.",
            "Make it with nibble calibrate and name it with --importance.",
        )

    def work(control: JobControl) -> list[Foretold]:
        making = Choices(choices.types, matrix, choices.splitting)
        return foretell(path, [kind.name for kind in kinds], out, control.cancel, making, lora=beside.lora)

    print_foretold(run_job("foretell sizes", work), out, as_json=as_json)


def _from_folder(
    folder: Path, kinds: list[Quantization], out: Path | None, choices: _Choices, beside: _Beside
) -> _Made:
    if is_adapter(folder):
        return _from_adapter(folder, kinds, out, choices, beside)
    if beside.base is not None:
        raise WrongChoice(
            f"{folder.name} is no adapter, and so has no base.",
            "Leave --base out, or name the adapter first.",
        )

    names = [kind.name for kind in kinds]
    print_notes(folder, names)

    def work(control: JobControl) -> list[Path]:
        if choices.activation_aware:
            return make_activation_aware(
                folder,
                names,
                _folder(out),
                control,
                _for_scaling(choices),
                lora=beside.lora,
                allow_non_finite=choices.allow_non_finite,
            )
        return make_from_checkpoint(
            folder,
            names,
            _folder(out),
            control,
            chosen=choices.types,
            lora=beside.lora,
            splitting=choices.splitting,
            allow_non_finite=choices.allow_non_finite,
            converter=choices.converter,
            importance=choices.importance,
        )

    found: list[NonFiniteFound] = []
    paths = run_job("convert a checkpoint", work, lambda value: _keep_found(value, found))
    is_changed = beside.lora is not None or choices.activation_aware
    return _Made(None if is_changed else folder, paths, found[0].tensors if found else ())


def _for_scaling(choices: _Choices) -> Choices:
    if isinstance(choices.importance, Calibration) or choices.converter is not None:
        raise WrongChoice(
            "Scales are found by an importance matrix that is there, in a checkpoint that Nibble converts.",
            "Make one with nibble calibrate, and name it with --importance.",
        )
    return Choices(choices.types, choices.importance, choices.splitting)


def _keep_found(value: object, found: list[NonFiniteFound]) -> None:
    if isinstance(value, NonFiniteFound):
        found.append(value)  # by each conversion of the same checkpoint the same


def _from_adapter(
    folder: Path, kinds: list[Quantization], out: Path | None, choices: _Choices, beside: _Beside
) -> _Made:
    if beside.lora is not None:
        raise WrongChoice(
            f"{folder.name} is an adapter itself.", "Name the checkpoint first, and the adapter with --lora."
        )

    def work(control: JobControl) -> list[Path]:
        name = os.path.basename(os.path.abspath(folder))
        return [
            convert_adapter(
                folder,
                beside.base,
                _folder(out) / f"{name}-{kind.name}.gguf",
                control,
                kind.name,
                allow_non_finite=choices.allow_non_finite,
            )
            for kind in kinds
        ]

    return _Made(None, run_job("convert an adapter", work))


def _from_guide(kinds: list[Quantization], out: Path | None, choices: _Choices) -> _Made:
    """Any name of the built-in model stands for its checkpoint, so that nothing is rounded twice."""
    if out is None and choices == _Choices():
        return _Made(resources.guide_checkpoint(), made_guide([kind.name for kind in kinds]))
    (source,) = made_guide([SOURCE_QUANTIZATION])
    return _from_gguf(source, kinds, out, choices)


def _from_gguf(source: Path, kinds: list[Quantization], out: Path | None, choices: _Choices) -> _Made:
    for kind in kinds:
        require_importance(kind, choices.importance)  # before the long way there

    def work(control: JobControl) -> list[Path]:
        matrix = importance_taken(source, choices.importance, _folder(out), control)
        making = Choices(choices.types, matrix, choices.splitting)
        return quantize_several(source, [kind.name for kind in kinds], _folder(out), control, making)

    return _Made(source, run_job(f"convert to {', '.join(kind.name for kind in kinds)}", work))


def _folder(out: Path | None) -> Path:
    return out or data_folder().create().models
