"""Several files from one checkpoint, whose weights are read once for all quantizations."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from app.convert.calibrate import Calibration, importance_taken
from app.convert.checkpoint.conversion import (
    FILE_TYPES,
    KEPT_TYPES,
    checkpoint_precision,
    convert_checkpoint,
    kept_quantization,
    open_source,
    watch_over,
)
from app.convert.checkpoint.folder import CheckpointFolder
from app.convert.checkpoint.other_converter import (
    OtherConverter,
    convert_elsewhere,
    is_known_architecture,
)
from app.convert.choices import Choices
from app.convert.quantizations import Quantization, quantization_named
from app.convert.quantize import require_importance
from app.convert.rungs import plan_rungs
from app.convert.several import quantize_several, write_ladder
from app.convert.splitting import WHOLE, Splitting
from app.core.errors import WrongChoice, from_os_error
from app.core.jobs import JobControl
from app.memory.mixture import NONE_CHOSEN, TensorTypes
from app.storage.atomic import scratch_folder


def make_from_checkpoint(
    source: Path,
    types: Sequence[str],
    folder: Path,
    control: JobControl,
    threads: int = 0,
    chosen: TensorTypes = NONE_CHOSEN,
    *,
    lora: Path | None = None,
    allow_non_finite: bool = False,
    importance: Path | Calibration | None = None,
    splitting: Splitting = WHOLE,
    converter: OtherConverter | None = None,
) -> list[Path]:
    """Makes a GGUF of each of `types` in `folder`, named after the checkpoint, and returns their paths.

    `lora`: the folder of an adapter that is merged into the weights before anything is rounded; files
    are named after both. `allow_non_finite` as for `convert_checkpoint`; `chosen`, `importance` and
    `splitting`: see `Choices`. Quantizations are made from the most precise of the plain types asked for,
    else from the checkpoint itself in one go, without a file between. Only where it is not known which
    types llama.cpp gives the tensors, it is converted in its own precision first, which takes its size
    in `folder` until all is done. So it is where an importance matrix is yet to be taken, which is kept in
    `folder`, and where `converter` is needed, which gets checkpoints of architectures that Nibble lacks.
    Raises what `convert_checkpoint`, `convert_elsewhere`, `calibrate` and `quantize` raise.
    """
    calibration = importance if isinstance(importance, Calibration) else None
    choices = Choices(chosen, importance if isinstance(importance, Path) else None, splitting)
    kinds = [quantization_named(name) for name in dict.fromkeys(types)]
    for kind in kinds:
        require_importance(kind, importance)  # before the long way there
    if splitting.keep:
        raise WrongChoice(
            f"{CheckpointFolder(source).name} is no GGUF in parts that could be kept.",
            "Leave it out, or choose a size for the parts.",
        )
    if converter is not None and is_known_architecture(source):
        converter = None
    if converter is not None and lora is not None:
        raise WrongChoice(
            f"{converter.script.name} does not merge adapters.",
            "Leave the adapter out; it can be used beside the model.",
        )
    keeps = lora is None and converter is None and any(kind.name in KEPT_TYPES for kind in kinds)
    kept = kept_quantization(source) if keeps else None
    whole = (*FILE_TYPES, kept) if splitting == WHOLE else ()
    targets = {kind.name: checkpoint_target(source, kind.name, folder, lora) for kind in kinds}
    made = {kind.name: targets[kind.name] for kind in kinds if kind.name in whole}
    for name, target in made.items():
        if converter is None:
            convert_checkpoint(source, target, control, name, lora=lora, allow_non_finite=allow_non_finite)
        else:
            convert_elsewhere(converter, source, target, control, name)
    rest = [kind for kind in kinds if kind.name not in made]
    if rest:
        task = _Task(
            source, lora, allow_non_finite, converter, rest, targets, folder, threads, choices, calibration
        )
        made |= zip((kind.name for kind in rest), _quantized(task, made, control), strict=True)
    return [made[kind.name] for kind in kinds]


@dataclass(frozen=True)
class _Task:
    source: Path
    lora: Path | None
    allow_non_finite: bool
    converter: OtherConverter | None
    kinds: list[Quantization]
    targets: Mapping[str, Path]
    folder: Path
    threads: int
    choices: Choices
    calibration: Calibration | None

    @property
    def names(self) -> list[str]:
        return [kind.name for kind in self.kinds]


def _quantized(task: _Task, plain: Mapping[str, Path], control: JobControl) -> list[Path]:
    precision = checkpoint_precision(task.source)
    unquantized = next((plain[name] for name in ("F32", precision, *FILE_TYPES) if name in plain), None)
    if unquantized is not None:
        return _of_file(task, unquantized, control)
    made = (
        None if task.converter or task.calibration else _at_once(task, quantization_named(precision), control)
    )
    return _one_after_another(task, precision, control) if made is None else made


def _of_file(task: _Task, unquantized: Path, control: JobControl) -> list[Path]:
    importance = task.calibration or task.choices.importance
    choices = replace(
        task.choices, importance=importance_taken(unquantized, importance, task.folder, control)
    )
    return quantize_several(unquantized, task.names, task.folder, control, choices, task.threads)


def _at_once(task: _Task, precision: Quantization, control: JobControl) -> list[Path] | None:
    """None where it cannot be foretold which types llama.cpp gives the tensors."""
    with open_source(task.source, control.cancel, lora=task.lora) as source:
        from app.convert.checkpoint.unquantized import UnquantizedCheckpoint

        watch = watch_over(source, control.cancel, allows=task.allow_non_finite)
        unquantized = UnquantizedCheckpoint(replace(source, tensors=watch.watched()), precision)
        rungs = plan_rungs(unquantized, task.kinds, task.targets, task.choices)
        if rungs is None:
            return None
        made = write_ladder(unquantized, rungs, task.folder, control, task.threads, task.choices)
        if found := watch.found():
            control.emit(found)
        return made


def _one_after_another(task: _Task, precision: str, control: JobControl) -> list[Path]:
    target = checkpoint_target(task.source, precision, task.folder, task.lora)
    try:
        os.makedirs(task.folder, exist_ok=True)
    except OSError as error:
        raise from_os_error(error, task.folder, writing=True) from error
    with scratch_folder(target) as scratch:
        unquantized = scratch / target.name
        if task.converter is not None:
            convert_elsewhere(task.converter, task.source, unquantized, control, precision)
        else:
            convert_checkpoint(
                task.source,
                unquantized,
                control,
                precision,
                lora=task.lora,
                allow_non_finite=task.allow_non_finite,
            )
        return _of_file(task, unquantized, control)


def checkpoint_target(source: Path, name: str, folder: Path, lora: Path | None) -> Path:
    parts = [CheckpointFolder(each).name for each in (source, lora) if each is not None]
    return folder / f"{'-'.join([*parts, name])}.gguf"
