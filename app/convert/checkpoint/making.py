"""Several files from one checkpoint: converted once, quantized from there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from app.convert.checkpoint.conversion import (
    FILE_TYPES,
    KEPT_TYPES,
    checkpoint_precision,
    convert_checkpoint,
    kept_quantization,
)
from app.convert.checkpoint.folder import CheckpointFolder
from app.convert.quantizations import Quantization, quantization_named
from app.convert.quantize import quantize, require_importance
from app.core.errors import from_os_error
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
    importance: Path | None = None,
) -> list[Path]:
    """Makes a GGUF of each of `types` in `folder`, named after the checkpoint, and returns their paths.

    `lora`: the folder of an adapter that is merged into the weights before anything is rounded; files
    are named after both. `allow_non_finite` as for `convert_checkpoint`. `chosen` and `importance`, the
    file of an importance matrix, count for the quantizations among them, as for `quantize`. These are
    made from the most precise of the plain types asked for. Where none is, the checkpoint is converted
    in its own precision first, which takes its size in `folder` until all is done. Raises what
    `convert_checkpoint` and `quantize` raise.
    """
    kinds = [quantization_named(name) for name in dict.fromkeys(types)]
    for kind in kinds:
        require_importance(kind, importance)  # before the long way there
    keeps = lora is None and any(kind.name in KEPT_TYPES for kind in kinds)
    kept = kept_quantization(source) if keeps else None
    plain = {
        kind.name: _target(source, kind.name, folder, lora)
        for kind in kinds
        if kind.name in (*FILE_TYPES, kept)
    }
    for name, target in plain.items():
        convert_checkpoint(source, target, control, name, lora=lora, allow_non_finite=allow_non_finite)
    if len(plain) == len(kinds):
        return [plain[kind.name] for kind in kinds]
    with _most_precise(source, kinds, plain, folder, control, lora, allow_non_finite) as unquantized:
        return [
            plain[kind.name]
            if kind.name in plain
            else quantize(unquantized, kind.name, folder, control, threads, chosen, importance)
            for kind in kinds
        ]


@contextmanager
def _most_precise(
    source: Path,
    kinds: list[Quantization],
    plain: dict[str, Path],
    folder: Path,
    control: JobControl,
    lora: Path | None,
    allow_non_finite: bool,
) -> Iterator[Path]:
    """What to quantize from; made for that alone where nobody asked for it, and gone afterwards."""
    precision = checkpoint_precision(source)
    made = next((plain[name] for name in ("F32", precision, *FILE_TYPES) if name in plain), None)
    if made is not None:
        yield made
        return
    target = _target(source, precision, folder, lora)
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise from_os_error(error, folder, writing=True) from error
    with scratch_folder(target) as scratch:
        yield convert_checkpoint(
            source,
            scratch / target.name,
            control,
            precision,
            lora=lora,
            allow_non_finite=allow_non_finite,
        )


def _target(source: Path, name: str, folder: Path, lora: Path | None) -> Path:
    parts = [CheckpointFolder(each).name for each in (source, lora) if each is not None]
    return folder / f"{'-'.join([*parts, name])}.gguf"
