"""One quantization: from an unquantized GGUF to a smaller one, in a worker process."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from app.convert.quantizations import QUANTIZATIONS, Quantization, quantization_named
from app.convert.space import require_space
from app.convert.tensor_choices import require_possible
from app.core.errors import (
    DamagedGguf,
    DiskFull,
    EnvironmentFault,
    QuantizeFailed,
    WrongChoice,
    from_os_error,
)
from app.core.jobs import JobControl
from app.gguf import ModelFacts, ModelSummary, TensorInfo, read_facts
from app.gguf.types import TENSOR_TYPES
from app.memory.mixture import (
    NONE_CHOSEN,
    ModelTraits,
    NoPrediction,
    TensorTypes,
    predict_file_bytes,
    read_traits,
)
from app.runtime import start_worker
from app.runtime.protocol import Quantize, QuantizeProgress
from app.storage.atomic import finished_file

SOURCE_TYPES = ("F32", "F16", "BF16")
EXPERTS_ONLY = "MXFP4_MOE"
"""llama.cpp keeps everything but experts in Q8_0 for this type."""
_TYPE_NUMBERS = {type.name: number for number, type in TENSOR_TYPES.items()}
_ADDED_KEYS = {"general.quantization_version": 44, "general.file_type": 33}
"""llama.cpp writes these into the header, of so many bytes, where the source lacks them."""


def can_quantize(facts: ModelFacts | ModelSummary) -> bool:
    """Only models, and from full precision: quantizing a quantized file loses twice."""
    return facts.kind == "model" and facts.quantization in SOURCE_TYPES


def output_path(source: Path, quantization: str, folder: Path) -> Path:
    """`bard-bf16.gguf` to Q4_K_M -> `folder/bard-Q4_K_M.gguf`."""
    stem = re.sub(r"-\d{5}-of-\d{5}$", "", source.stem)
    types = "|".join(known.name for known in QUANTIZATIONS)
    stem = re.sub(rf"[-._]({types})$", "", stem, flags=re.IGNORECASE)
    return folder / f"{stem}-{quantization}.gguf"


def quantize(
    source: Path,
    quantization: str,
    folder: Path,
    control: JobControl,
    threads: int = 0,
    chosen: TensorTypes = NONE_CHOSEN,
    importance: Path | None = None,
) -> Path:
    """Makes the quantization in `folder` and returns its path, replacing an earlier one of that name.

    The file appears under its final name only when it is whole; `source` is only read. Progress
    is in bytes of the source. `threads` 0: all logical processors. `chosen`: types of single
    tensors, over the mixture's. `importance`: the file of the model's importance matrix. Raises
    WrongChoice (also for MXFP4_MOE of a model without experts, which would come out as Q8_0, for a type
    that needs an importance matrix without one, and for what `require_possible` finds),
    NoImportanceMatrix for one of another model, DiskFull, QuantizeFailed, WorkerDied, Cancelled, and
    what reading the source raises.
    """
    kind = quantization_named(quantization)
    require_importance(kind, importance)
    facts = read_facts(source)
    require_quantizable(facts, kind)
    require_possible(facts.tensors, _traits(facts), kind, chosen, importance_matrix=importance is not None)
    if importance is not None:
        from app.convert.importance import require_fitting  # NumPy takes longer to import than most checks

        require_fitting(importance, facts, kind, chosen)
    target = output_path(facts.path, kind.name, folder)
    require_other_file(target, facts.files)
    make_folder(folder)
    require_space(folder, expected_bytes(facts, kind, chosen, importance), kind.name)
    with finished_file(target) as partial:
        try:
            partial.touch()  # where this is denied, llama.cpp would only say that something went wrong
        except OSError as error:
            raise from_os_error(error, target, writing=True) from error
        _run(facts, kind, partial, control, threads, chosen, importance)
        _require_whole(partial, target)
    return target


def require_quantizable(facts: ModelFacts, kind: Quantization) -> None:
    """Raises WrongChoice where `kind` cannot be made of this file, or would be something else."""
    if facts.kind != "model":
        raise WrongChoice(
            f"{facts.path.name} holds no model.", "Choose the F16, BF16 or F32 file of a model."
        )
    if not can_quantize(facts):
        raise WrongChoice(
            f"{facts.path.name} is already quantized ({facts.quantization}): making {kind.name} from it would "
            "lose twice.",
            "Start from the F16, BF16 or F32 file of this model.",
        )
    require_experts(kind, facts.tensors, facts.path.name)


def require_experts(kind: Quantization, tensors: Sequence[TensorInfo], model: str) -> None:
    """Raises WrongChoice for MXFP4_MOE of a model without experts."""
    if kind.name == EXPERTS_ONLY and not has_experts(tensors):
        raise WrongChoice(
            f"{kind.name} makes only experts smaller, and {model} is no mixture of experts.",
            "Choose Q4_0 or Q4_K_M for 4 bits.",
        )


def require_other_file(target: Path, sources: Sequence[Path]) -> None:
    """Raises WrongChoice where `target` is one of `sources`."""
    # Not by name: in some file systems bard-f16.gguf and bard-F16.gguf are one file.
    if target.exists() and any(target.samefile(file) for file in sources):
        raise WrongChoice(f"{target.name} is the source itself.", "Choose another type or another folder.")


def make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise from_os_error(error, folder, writing=True) from error


def _run(
    facts: ModelFacts,
    kind: Quantization,
    partial: Path,
    control: JobControl,
    threads: int,
    chosen: TensorTypes,
    importance: Path | None,
) -> None:
    stage = f"Making {kind.name}"
    sizes = {tensor.name: tensor.size_bytes for tensor in facts.tensors}
    done = 0
    named = ((tensor.name, chosen.of_name(tensor.name)) for tensor in facts.tensors)
    request = Quantize(
        source=os.fsencode(facts.path),
        target=os.fsencode(partial),
        file_type=kind.file_type,
        threads=threads,
        tensor_types=tuple((name, _TYPE_NUMBERS[type]) for name, type in named if type),
        output_type=_TYPE_NUMBERS[chosen.output] if chosen.output else None,
        embedding_type=_TYPE_NUMBERS[chosen.embedding] if chosen.embedding else None,
        pure=chosen.pure,
        importance=os.fsencode(importance) if importance else b"",
    )
    control.progress(stage, 0, facts.tensor_bytes, "bytes")
    with start_worker() as worker:
        try:
            for reply in worker.call(request, control.cancel):
                if isinstance(reply, QuantizeProgress):
                    control.progress(stage, done, facts.tensor_bytes, "bytes")
                    done += sizes.get(reply.tensor, 0)
        except QuantizeFailed as fault:
            raise _disk_fault(partial.parent) or fault from fault
    control.cancel.raise_if_cancelled()  # a worker may be done before it hears of it; the file has no name yet


def require_importance(kind: Quantization, importance: object | None) -> None:
    """Raises WrongChoice for a type that needs an importance matrix, where there is none."""
    if kind.needs_importance_matrix and importance is None:
        raise WrongChoice(
            f"{kind.name} needs an importance matrix.",
            "Give one with --importance, calibrate the model with --calibrate, or choose Q2_K or larger, or IQ3_S or "
            "larger.",
        )


def expected_bytes(
    facts: ModelFacts,
    kind: Quantization,
    chosen: TensorTypes = NONE_CHOSEN,
    importance: Path | None = None,
) -> int:
    """Of the file that will be made; of a model that llama.cpp's mixtures are not told for, the source's own."""
    starts: dict[int, int] = {}
    for tensor in facts.tensors:
        starts[tensor.part] = min(starts.get(tensor.part, tensor.offset), tensor.offset)
    header_bytes = sum(starts.values()) + sum(
        size for key, size in _ADDED_KEYS.items() if key not in facts.metadata
    )
    try:
        traits = read_traits(facts.metadata)
        return predict_file_bytes(
            facts.tensors,
            traits,
            kind.name,
            importance_matrix=importance is not None,
            header_bytes=header_bytes,
            chosen=chosen,
        )
    except NoPrediction:
        return facts.file_bytes


def _traits(facts: ModelFacts) -> ModelTraits | None:
    try:
        return read_traits(facts.metadata)
    except NoPrediction:
        return None


def has_experts(tensors: Sequence[TensorInfo]) -> bool:
    return any("exps." in tensor.name for tensor in tensors)  # ffn_down_exps, ffn_gate_up_exps, ffn_up_chexps


def _require_whole(partial: Path, target: Path) -> None:
    """llama.cpp does not notice every failed write: the file itself has to prove that it is whole."""
    try:
        read_facts(partial)
    except DamagedGguf as error:
        raise _disk_fault(target.parent) or QuantizeFailed(
            f"{target.name} could not be written completely.",
            "Check the disk, then try again.",
        ) from error


def _disk_fault(folder: Path) -> EnvironmentFault | None:
    """A failed write on a disk with next to nothing left has one likely reason."""
    if shutil.disk_usage(folder).free > 16_000_000:
        return None
    return DiskFull(
        f"The disk of {folder} ran full while the quantization was being written.",
        "Nothing half-written was left behind. Free some space or choose another folder, then try again.",
    )
