"""What a making will come to: the files and their sizes, without writing any."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.convert.checkpoint import is_checkpoint
from app.convert.checkpoint.conversion import (
    FILE_TYPES,
    KEPT_TYPES,
    checkpoint_precision,
    kept_quantization,
    open_source,
)
from app.convert.checkpoint.making import checkpoint_target
from app.convert.choices import Choices
from app.convert.quantizations import Quantization, quantization_named
from app.convert.rungs import Rung, plan_rungs
from app.convert.several import targets_of
from app.convert.splitting import WHOLE
from app.convert.unquantized import Unquantized, open_unquantized
from app.core.errors import WrongChoice
from app.core.jobs import CancelToken
from app.gguf import read_facts
from app.gguf.types import TENSOR_TYPES

_BITS = {type.name: type.bits_per_element for type in TENSOR_TYPES.values()}


@dataclass(frozen=True)
class Fallback:
    """A tensor that gets `type` where the mixture wants another one, whose blocks do not divide its rows."""

    tensor: str
    wanted: str
    type: str


@dataclass(frozen=True)
class Foretold:
    """`paths`: of all parts. `file_bytes` of them together."""

    quantization: str
    paths: tuple[Path, ...]
    file_bytes: int
    bits_per_weight: float
    fallbacks: tuple[Fallback, ...] = ()


def foretell(
    source: Path,
    types: Sequence[str],
    folder: Path,
    cancel: CancelToken,
    choices: Choices,
    *,
    lora: Path | None = None,
) -> list[Foretold]:
    """Of what `make_from_checkpoint` or `quantize_several` would make of `source` in `folder`, in the order of `types`.

    Raises what these raise before they begin to write, but for a disk without room, and WrongChoice where it is not
    known which types llama.cpp gives the tensors.
    """
    kinds = [quantization_named(name) for name in dict.fromkeys(types)]
    if is_checkpoint(source):
        return _of_checkpoint(source, kinds, folder, cancel, choices, lora)
    facts = read_facts(source)
    with open_unquantized(facts) as unquantized:
        targets = targets_of(facts.path, [kind.name for kind in kinds], folder)
        rungs = plan_rungs(unquantized, kinds, targets, choices)
        return _of_rungs(unquantized, rungs)


def _of_checkpoint(
    source: Path,
    kinds: Sequence[Quantization],
    folder: Path,
    cancel: CancelToken,
    choices: Choices,
    lora: Path | None,
) -> list[Foretold]:
    keeps = lora is None and any(kind.name in KEPT_TYPES for kind in kinds)
    kept = kept_quantization(source) if keeps else None
    whole = (*FILE_TYPES, kept) if choices.splitting == WHOLE else ()
    targets = {kind.name: checkpoint_target(source, kind.name, folder, lora) for kind in kinds}
    found = {
        kind.name: _converted(source, kind, targets[kind.name], cancel, lora)
        for kind in kinds
        if kind.name in whole
    }
    rest = [kind for kind in kinds if kind.name not in found]
    if rest:
        precision = quantization_named(checkpoint_precision(source))
        with _opened(source, precision, cancel, lora) as unquantized:
            rungs = plan_rungs(unquantized, rest, targets, choices)
            found |= {each.quantization: each for each in _of_rungs(unquantized, rungs)}
    return [found[kind.name] for kind in kinds]


def _converted(
    source: Path, kind: Quantization, target: Path, cancel: CancelToken, lora: Path | None
) -> Foretold:
    with _opened(source, kind, cancel, lora) as converted:
        facts = converted.facts
        bits = facts.bits_per_weight or 0.0
        return Foretold(kind.name, (target,), facts.file_bytes, bits)


@contextmanager
def _opened(
    source: Path, kind: Quantization, cancel: CancelToken, lora: Path | None
) -> Iterator[Unquantized]:
    keeps = None if kind.name in FILE_TYPES else kind.name
    with open_source(source, cancel, keeps, lora) as opened:
        from app.convert.checkpoint.unquantized import UnquantizedCheckpoint

        yield UnquantizedCheckpoint(opened, kind)


def _of_rungs(source: Unquantized, rungs: Sequence[Rung] | None) -> list[Foretold]:
    if rungs is None:
        raise WrongChoice(
            f"Nibble does not know beforehand what llama.cpp makes of {source.facts.path.name}.",
            "Leave --dry-run out; the disk is looked at before it begins.",
        )
    return [_of_rung(source, rung) for rung in rungs]


def _of_rung(source: Unquantized, rung: Rung) -> Foretold:
    tensors = source.facts.tensors
    bits = sum(tensor.elements * _BITS[rung.type_of(tensor)] for tensor in tensors)
    chosen = ((tensor.name, rung.choices[tensor.name]) for tensor in tensors)
    return Foretold(
        rung.kind.name,
        rung.targets,
        rung.file_bytes,
        bits / source.facts.parameters,
        tuple(
            Fallback(name, choice.wanted, choice.type)
            for name, choice in chosen
            if choice.type != choice.wanted
        ),
    )
