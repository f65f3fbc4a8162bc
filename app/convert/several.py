"""Several quantizations of one GGUF in full precision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from app.convert.ladder import make_ladder, plan_rung
from app.convert.quantizations import Quantization, quantization_named
from app.convert.quantize import (
    make_folder,
    output_path,
    quantize,
    require_importance,
    require_other_file,
    require_quantizable,
)
from app.convert.space import require_space
from app.convert.splitting import WHOLE, Splitting
from app.convert.tensor_choices import PLAIN, require_possible
from app.convert.unquantized import Unquantized, open_unquantized
from app.core.errors import WrongChoice
from app.core.jobs import JobControl
from app.gguf import MetadataValue, ModelFacts, TensorInfo, read_facts
from app.gguf.derived import ALIGNMENT
from app.gguf.outline import KNOWN_ARCHITECTURES
from app.memory.mixture import (
    NONE_CHOSEN,
    ModelTraits,
    NoPrediction,
    TensorTypes,
    is_left_alone,
    read_traits,
    tensor_types,
)


def quantize_several(
    source: Path,
    types: Sequence[str],
    folder: Path,
    control: JobControl,
    threads: int = 0,
    chosen: TensorTypes = NONE_CHOSEN,
    importance: Path | None = None,
    *,
    splitting: Splitting = WHOLE,
) -> list[Path]:
    """Makes each of `types` in `folder`, and returns their paths (of the first part, where there are several).

    The source is read once. Where Nibble does not know which types llama.cpp gives its tensors, it makes one after
    another, as `quantize` does. Raises what that raises.
    """
    kinds = [quantization_named(name) for name in dict.fromkeys(types)]
    facts = read_facts(source)
    for kind in kinds:
        require_importance(kind, importance)
        require_quantizable(facts, kind)
    foretold = importance is None and _is_plain_file(facts)
    wanted = foretold_types(facts.tensors, facts.metadata, kinds, chosen) if foretold else None
    if wanted is None or (len(kinds) == 1 and splitting == WHOLE):
        if splitting != WHOLE:
            raise WrongChoice(
                f"Nibble does not know {facts.path.name} well enough to write it in parts.",
                "Make a single file of it.",
            )
        return [quantize(source, kind.name, folder, control, threads, chosen, importance) for kind in kinds]
    with open_unquantized(facts) as unquantized:
        targets = {kind.name: output_path(facts.path, kind.name, folder) for kind in kinds}
        return write_ladder(unquantized, wanted, targets, folder, control, threads, splitting, facts.files)


def foretold_types(
    tensors: Sequence[TensorInfo],
    metadata: Mapping[str, MetadataValue],
    kinds: Sequence[Quantization],
    chosen: TensorTypes,
) -> dict[Quantization, dict[str, str]] | None:
    """The types of all tensors by name, for each of `kinds`; None where they are not known, or not for this file.

    `chosen` counts for quantizations, beside which there may be types in full precision. Raises WrongChoice as
    `require_possible` does.
    """
    quantized = [kind for kind in kinds if kind.name not in PLAIN]
    try:
        traits = read_traits(metadata)
        for kind in quantized or kinds:
            require_possible(tensors, traits, kind, chosen)
        return {kind: _types(tensors, traits, kind, chosen) for kind in kinds}
    except NoPrediction:
        return None


def _types(
    tensors: Sequence[TensorInfo], traits: ModelTraits, kind: Quantization, chosen: TensorTypes
) -> dict[str, str]:
    over = NONE_CHOSEN if kind.name in PLAIN else chosen
    found = tensor_types(tensors, traits, kind.name, chosen=over)
    for tensor in tensors:
        if tensor.type not in PLAIN and not is_left_alone(tensor, traits.architecture):
            raise NoPrediction(f"{tensor.name} is quantized already")
    return {tensor.name: type for tensor, type in zip(tensors, found, strict=True)}


def write_ladder(
    source: Unquantized,
    wanted: Mapping[Quantization, Mapping[str, str]],
    targets: Mapping[str, Path],
    folder: Path,
    control: JobControl,
    threads: int,
    splitting: Splitting,
    sources: Sequence[Path] = (),
) -> list[Path]:
    """`targets` by the name of the quantization. Raises DiskFull and WrongChoice before anything is written."""
    rungs = [plan_rung(source, kind, types, targets[kind.name], splitting) for kind, types in wanted.items()]
    for rung in rungs:
        for target in rung.targets:
            require_other_file(target, sources)
    make_folder(folder)
    names = ", ".join(rung.kind.name for rung in rungs)
    require_space(folder, sum(rung.file_bytes for rung in rungs), names)
    make_ladder(source, rungs, control, threads)
    return [rung.targets[0] for rung in rungs]


def _is_plain_file(facts: ModelFacts) -> bool:
    """Whether what is made of it can be laid out as llama.cpp would, and its architecture is one whose mixture was
    held against llama.cpp's."""
    return (
        facts.byte_order == "little"
        and facts.metadata.get("general.alignment", ALIGNMENT) == ALIGNMENT
        and facts.architecture in KNOWN_ARCHITECTURES
    )
