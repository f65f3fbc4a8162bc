"""One conversion: a checkpoint's folder to a GGUF in full precision."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from app.convert.activation_aware import ActivationAware
from app.convert.checkpoint.architectures import ARCHITECTURES
from app.convert.checkpoint.config import Config, damaged, read_json
from app.convert.checkpoint.folder import CheckpointFolder
from app.convert.checkpoint.plan import ModelPlan
from app.convert.checkpoint.quantization_method import METHODS, quantization_method
from app.convert.checkpoint.source import Source
from app.convert.checkpoint.tokenizer_kinds import read_tokenizer
from app.convert.checkpoint.weights import open_weights
from app.convert.quantizations import Quantization, quantization_named
from app.convert.space import require_space
from app.core.errors import (
    DamagedCheckpoint,
    UnknownArchitecture,
    UnsupportedCheckpoint,
    WrongChoice,
    from_os_error,
)
from app.core.jobs import CancelToken, JobControl
from app.gguf.cursor import shorten
from app.storage.atomic import finished_file

if TYPE_CHECKING:  # imports NumPy
    from app.convert.adapter.pairs import Adapter
    from app.convert.checkpoint.non_finite import NonFiniteWatch
    from app.convert.checkpoint.tensors import CheckpointTensor

FILE_TYPES = {"F32": 4, "F16": 2, "BF16": 2}
"""What a checkpoint can be converted to, and bytes of one weight in it."""
KEPT_TYPES = ("Q4_0", "Q4_1", "Q8_0")
"""What integers of a quantized checkpoint may fit into as they are."""
READABLE = ("F64", "F32", "F16", "BF16")


def convert_checkpoint(
    folder: Path,
    target: Path,
    control: JobControl,
    file_type: str = "BF16",
    told: Mapping[str, str] | None = None,
    lora: Path | None = None,
    *,
    allow_non_finite: bool = False,
    aware: ActivationAware | None = None,
) -> Path:
    """Converts the checkpoint in `folder` to the file `target`, which it returns, replacing an earlier one.

    `file_type`: BF16, F16 or F32; for a checkpoint that is quantized already also the type of block that
    holds its integers as they are (`kept_quantization`), with all other weights as they are stored.
    `told`: texts for the GGUF's metadata by key (`general.name`, say), which count more than what the
    checkpoint says of itself. `lora`: the folder of a LoRA adapter that is merged into the weights, in F32.
    `aware`: the weights are scaled by the inputs they meet, which the model does not notice.
    `allow_non_finite`: weights may be NaN or infinite; a NonFiniteFound is emitted that names and counts them. The
    file appears under its name only when it is whole; the checkpoint is only read. Progress is in bytes of the
    checkpoint.

    Weights take some twenty times `transfer.PIECE_BYTES` of memory for each processor. Tables of tensors and
    tokens come on top: up to 35 times their size in the files, each of which may have `config.MAX_TABLE_BYTES`, and
    tokenizers `tokenizer_json.MOST_BYTES`.

    Raises FileGone, NotAllowed, UnreadableFile, DamagedCheckpoint, NonFiniteWeights, UnsupportedCheckpoint,
    UnknownArchitecture, WrongChoice, DiskFull and Cancelled.
    """
    kind = _file_type(file_type)
    keeps = None if kind.name in FILE_TYPES else kind.name
    with open_source(folder, control.cancel, keeps, lora) as source:
        from app.convert.checkpoint.writing import write_gguf

        if aware is not None:
            source = replace(source, tensors=_scaled(source, aware, control))
        _make_room(target.parent, _size_bytes(source.plan, source.tensors, kind), kind)
        watch = watch_over(source, control.cancel, allows=allow_non_finite)
        with finished_file(target) as partial:
            write_gguf(partial, target, replace(source, tensors=watch.watched()), kind, control, told or {})
        if found := watch.found():
            control.emit(found)
    return target


@contextmanager
def open_source(
    folder: Path, cancel: CancelToken, keeps: str | None = None, lora: Path | None = None
) -> Iterator[Source]:
    """The checkpoint in `folder` to read weights from, in full precision unless it `keeps` its own integers in blocks
    of that type. Raises as `convert_checkpoint`."""
    checkpoint = CheckpointFolder(folder)
    checkpoint.files()
    values = read_json(checkpoint.require("config.json", "Choose a checkpoint's folder, with all its files."))
    config = Config(values)
    plan = plan_model(checkpoint, config)
    _expect_readable_method(checkpoint, config)
    with open_weights(checkpoint) as weights, _opened(lora) as adapter:
        # NumPy and gguf take a third of a second to import: only when there is something to write.
        from app.convert.checkpoint.quantized import kept_type, readable_tensors

        stored = readable_tensors(weights, config, keeps=keeps is not None)
        tensors = {plan.name_of(name): tensor for name, tensor in stored.items()}
        if keeps is not None and (adapter is not None or kept_type(tensors) != keeps):
            raise WrongChoice(
                f"The integers of {checkpoint.name} do not fit into {keeps} as they are.",
                f"Choose {', '.join(FILE_TYPES)}, and quantize the result.",
            )
        if adapter is not None:
            from app.convert.adapter.merging import merged_tensors

            tensors = merged_tensors(tensors, adapter, plan)
        _expect_planned(plan, tensors)
        tokenizer = read_tokenizer(checkpoint, values, plan.vocabulary_size, cancel)
        yield Source(checkpoint, plan, tokenizer, tensors)


def checkpoint_precision(folder: Path) -> str:
    """The type of `FILE_TYPES` that holds the checkpoint's weights as they are. Raises as `convert_checkpoint`."""
    sizes: dict[str, int] = {}
    with open_weights(CheckpointFolder(folder)) as weights:
        for tensor in weights.tensors.values():
            sizes[tensor.dtype] = sizes.get(tensor.dtype, 0) + tensor.size_bytes
    most = max(sizes, key=sizes.__getitem__, default="F32")
    return most if most in FILE_TYPES else "F32"


def kept_quantization(folder: Path) -> str | None:
    """The type of a GGUF that holds a quantized checkpoint without rounding it a second time; None for one in full
    precision, or where there is none. Reads scales and zero points. Raises as `convert_checkpoint`."""
    checkpoint = CheckpointFolder(folder)
    config = Config(
        read_json(checkpoint.require("config.json", "Choose a checkpoint's folder, with all its files."))
    )
    if quantization_method(config) not in METHODS:
        return None
    from app.convert.checkpoint.quantized import kept_type, readable_tensors

    with open_weights(checkpoint) as weights:
        return kept_type(readable_tensors(weights, config))


def _file_type(name: str) -> Quantization:
    kind = quantization_named(name)
    if kind.name not in FILE_TYPES and kind.name not in KEPT_TYPES:
        raise WrongChoice(
            f"A checkpoint is converted to full precision first, not to {kind.name}.",
            f"Choose {', '.join(FILE_TYPES)}, and quantize the result.",
        )
    return kind


def plan_model(folder: CheckpointFolder, config: Config) -> ModelPlan:
    """What `config` says of the model in `folder`. Raises DamagedCheckpoint, UnknownArchitecture and
    UnsupportedCheckpoint."""
    names = config.texts("architectures")
    if not names:
        raise damaged("config.json", "it does not say which architecture the model has")
    make_plan = ARCHITECTURES.get(names[0])
    if make_plan is None:
        raise UnknownArchitecture(
            f"{folder.name} has the architecture {shorten(names[0])}, which Nibble does not convert yet.",
            f"Nibble converts {', '.join(ARCHITECTURES)}. Download a GGUF file of this model instead, or name "
            "llama.cpp's convert_hf_to_gguf.py with --converter, where you have it and PyTorch.",
        )
    return make_plan(config)


def _expect_readable_method(folder: CheckpointFolder, config: Config) -> None:
    method = quantization_method(config)
    if method is not None and method not in METHODS:
        raise UnsupportedCheckpoint(
            f"{folder.name} is already quantized ({shorten(method)}), and Nibble does not read that.",
            "Choose the original checkpoint, or download a GGUF file of this model.",
        )


def _scaled(source: Source, aware: ActivationAware, control: JobControl) -> dict[str, CheckpointTensor]:
    from app.convert.activation_aware.scaling import scaled_importance, scaled_tensors, scales_of
    from app.gguf.importance import read_importance, write_importance

    importance = read_importance(aware.importance)
    scales = scales_of(
        source.tensors, source.plan, importance, quantization_named(aware.quantization), control
    )
    write_importance(scaled_importance(importance, source.plan, scales), aware.scaled)
    return scaled_tensors(source.tensors, source.plan, scales)


def _opened(lora: Path | None) -> AbstractContextManager[Adapter | None]:
    if lora is None:
        return nullcontext()
    from app.convert.adapter.pairs import open_adapter

    return open_adapter(CheckpointFolder(lora))


def _expect_planned(plan: ModelPlan, tensors: Mapping[str, CheckpointTensor]) -> None:
    """Raises unless the checkpoint has what `plan` needs, in the right shapes, and nothing that it forgets."""
    known = set()
    for planned in plan.tensors:
        for name in planned.source_names:
            known.add(name)
            stored = tensors.get(name)
            if stored is None:
                raise DamagedCheckpoint(
                    f"The checkpoint has no tensor {name}, which config.json asks for.",
                    "Download the model's files again.",
                )
            if stored.shape != planned.shape:
                raise DamagedCheckpoint(
                    f"{name} is {_as_text(stored.shape)}, where config.json asks for {_as_text(planned.shape)}.",
                    "The files do not belong together: download them again.",
                )
            _expect_readable(stored)
    for name in tensors:
        if name not in known and not any(fnmatchcase(name, pattern) for pattern in plan.unused):
            raise UnsupportedCheckpoint(
                f"The checkpoint has a tensor {shorten(name)}, which this architecture does not have.",
                "Without it the model would answer differently. Download a GGUF file of this model instead.",
            )


def watch_over(source: Source, cancel: CancelToken, *, allows: bool) -> NonFiniteWatch:
    """Of all tensors that are read of `source`."""
    from app.convert.checkpoint.non_finite import NonFiniteWatch

    read = (name for planned in source.plan.tensors for name in planned.source_names)
    return NonFiniteWatch({name: source.tensors[name] for name in read}, cancel, allows=allows)


def _expect_readable(stored: CheckpointTensor) -> None:
    from app.convert.checkpoint.numbers import BLOCKS

    if stored.dtype not in READABLE and stored.dtype not in BLOCKS:
        raise UnsupportedCheckpoint(
            f"{stored.name} is stored as {stored.dtype}, and Nibble converts only {', '.join(READABLE)}.",
            "Choose the original checkpoint, or download a GGUF file of this model.",
        )


def _as_text(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "a single number"


def _size_bytes(plan: ModelPlan, tensors: Mapping[str, CheckpointTensor], kind: Quantization) -> int:
    from app.convert.checkpoint.numbers import BLOCKS

    size_bytes = 0
    for planned in plan.tensors:
        dtype = tensors[planned.source_names[0]].dtype
        weights, block_bytes = BLOCKS.get(dtype, (1, FILE_TYPES.get(kind.name, 2)))
        size_bytes += planned.elements * (4 if len(planned.made_shape) == 1 else block_bytes) // weights
    return size_bytes


def _make_room(folder: Path, size_bytes: int, kind: Quantization) -> None:
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise from_os_error(error, folder, writing=True) from error
    require_space(folder, size_bytes, kind.name)
