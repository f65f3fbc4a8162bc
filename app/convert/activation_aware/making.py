"""Quantizations of a checkpoint whose weights were scaled by the inputs they meet."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from app.convert.activation_aware import ActivationAware
from app.convert.checkpoint.conversion import FILE_TYPES, convert_checkpoint
from app.convert.checkpoint.folder import CheckpointFolder
from app.convert.choices import NO_CHOICES, Choices
from app.convert.quantizations import quantization_named
from app.convert.several import quantize_several
from app.core.errors import WrongChoice, from_os_error
from app.core.jobs import JobControl
from app.storage.atomic import scratch_folder

PRECISION = "F32"
"""Scaled weights are numbers that BF16 and F16 would round."""


def make_activation_aware(
    source: Path,
    types: Sequence[str],
    folder: Path,
    control: JobControl,
    choices: Choices = NO_CHOICES,
    threads: int = 0,
    *,
    lora: Path | None = None,
    allow_non_finite: bool = False,
) -> list[Path]:
    """Makes a GGUF of each of `types` in `folder`, with "aware" behind the checkpoint's name, and returns their
    paths.

    Scales are chosen for the smallest of `types`, by the importance matrix of `choices`, which counts for the rounding
    too. The scaled checkpoint takes 4 bytes for each weight in `folder` until all is done. `lora` and
    `allow_non_finite` as for `convert_checkpoint`. Raises what that and `quantize` raise, and WrongChoice without an
    importance matrix, or for a type that rounds nothing.
    """
    kinds = [quantization_named(name) for name in dict.fromkeys(types)]
    plain = next((kind.name for kind in kinds if kind.name in FILE_TYPES), None)
    if plain is not None:
        raise WrongChoice(
            f"{plain} is not rounded enough for scales to matter.", "Make it without --activation-aware."
        )
    if choices.importance is None:
        raise WrongChoice(
            "The sizes of what weights meet are told by an importance matrix.",
            "Make one with nibble calibrate, and name it with --importance.",
        )
    smallest = min(kinds, key=lambda kind: kind.bits_per_weight)
    parts = [CheckpointFolder(each).name for each in (source, lora) if each is not None]
    target = folder / f"{'-'.join([*parts, 'aware', PRECISION])}.gguf"
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise from_os_error(error, folder, writing=True) from error
    with scratch_folder(target) as scratch:
        aware = ActivationAware(choices.importance, smallest.name, scratch / "importance.gguf")
        scaled = convert_checkpoint(
            source,
            scratch / target.name,
            control,
            PRECISION,
            lora=lora,
            allow_non_finite=allow_non_finite,
            aware=aware,
        )
        names = [kind.name for kind in kinds]
        making = replace(choices, importance=aware.scaled)
        return quantize_several(scaled, names, folder, control, making, threads)
