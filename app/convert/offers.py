"""What could be made of a source, before anything is: each type with its size, its cost and how it would run here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

from app.convert.checkpoint.prospect import Prospect
from app.convert.checkpoint.qat import named_qat_type
from app.convert.quantizations import QUANTIZATIONS, Quantization
from app.convert.quantize import EXPERTS_ONLY, SOURCE_TYPES, expected_bytes, has_experts
from app.convert.rounding import Rounding, rounding_of_plain, rounding_of_quantized
from app.gguf import ModelFacts, read_facts
from app.recommend.budget import Budget
from app.recommend.choose import Recommendation, Step
from app.recommend.file_staircase import FileStaircase
from app.recommend.loss import expected_loss

_PER_CORE = {"plain": 200e6, "simple": 25e6, "k": 5e6, "iq4": 2e6, "iq": 1e6}
"""Weights a second and core, by kind of type: measured on two cores of an EPYC of 2023, with others at work."""
_CONVERTED_BYTES_PER_S = 300e6
_OPERATIONS_PER_S = 25e9
"""Of a core that evaluates a prompt."""
_WORKER_BYTES = 200_000_000
_BESIDE_WEIGHTS_BYTES = 600_000_000
"""What a loaded model takes beside its weights while it is calibrated: working space and the sums themselves."""
_BYTES_PER_WEIGHT_AT_WORK = 8
"""Of the largest tensor: as it is read, as F32 and as it is written."""


@dataclass(frozen=True)
class TypeOffer:
    """`file_bytes`: predicted. `loss`: what it costs, in words; `step`: how it would run here, None for a type off the
    staircase or where this computer is not known yet."""

    kind: Quantization
    file_bytes: int
    bits_per_weight: float
    rounding: Rounding
    loss: str
    step: Step | None
    is_recommended: bool


@dataclass(frozen=True)
class MakingOffer:
    """`form`: of the source; `prospect`: of a checkpoint. `offers`: best quality first; `reason`: why the recommended
    one is, or empty."""

    facts: ModelFacts
    form: str
    source_bytes: int
    prospect: Prospect | None
    offers: tuple[TypeOffer, ...]
    reason: str


@dataclass(frozen=True)
class MakingCosts:
    """`file_bytes`: that will stay; `memory_bytes`: at most, while it works. `seconds`: about."""

    file_bytes: int
    memory_bytes: int
    seconds: float


def offer_of_gguf(path: Path, budget: Budget | None, context: int) -> MakingOffer:
    """Raises what reading the file raises."""
    facts = read_facts(path)
    form = facts.quantization or ""
    trained = named_qat_type(path.stem)
    sizes = {kind.name: expected_bytes(facts, kind) for kind in QUANTIZATIONS}
    without = {form} if has_experts(facts.tensors) else {form, EXPERTS_ONLY}
    roundings = {kind.name: rounding_of_plain(kind.name, form, trained) for kind in QUANTIZATIONS}
    return _offer(facts, form, facts.file_bytes, sizes, roundings, without, budget, context)


def offer_of_checkpoint(
    prospect: Prospect, form: str, source_bytes: int, budget: Budget | None, context: int
) -> MakingOffer:
    """`prospect`: of one that can be converted. `form`: of its weights, where they are in full precision."""
    assert prospect.facts is not None

    without = set() if prospect.has_experts else {EXPERTS_ONLY}
    roundings = {
        kind.name: rounding_of_quantized(kind.name, prospect)
        if prospect.method is not None
        else rounding_of_plain(kind.name, form, prospect.trained_for)
        for kind in QUANTIZATIONS
    }
    return _offer(
        prospect.facts,
        prospect.form or form,
        source_bytes,
        prospect.sizes,
        roundings,
        without,
        budget,
        context,
        prospect=prospect,
    )


def costs_of(
    offer: MakingOffer, types: Collection[str], *, calibration_tokens: int, cores: int
) -> MakingCosts:
    """Of making these types in one go. `calibration_tokens`: of the text for an importance matrix, 0 without one."""
    chosen = [each for each in offer.offers if each.kind.name in types]
    parameters = offer.facts.parameters
    seconds = sum(parameters / (_PER_CORE[_class_of(each.kind)] * max(cores, 1)) for each in chosen)
    if offer.prospect is not None:
        seconds += offer.source_bytes / _CONVERTED_BYTES_PER_S
    largest = max((prod(tensor.shape) for tensor in offer.facts.tensors), default=0)
    memory = _WORKER_BYTES + largest * _BYTES_PER_WEIGHT_AT_WORK
    if calibration_tokens:
        seconds += 2 * calibration_tokens * parameters / (_OPERATIONS_PER_S * max(cores, 1))
        memory = max(memory, offer.facts.tensor_bytes + _BESIDE_WEIGHTS_BYTES)
    return MakingCosts(sum(each.file_bytes for each in chosen), memory, seconds)


def _offer(
    facts: ModelFacts,
    form: str,
    source_bytes: int,
    sizes: Mapping[str, int],
    roundings: Mapping[str, Rounding],
    without: Collection[str],
    budget: Budget | None,
    context: int,
    *,
    prospect: Prospect | None = None,
) -> MakingOffer:
    found = FileStaircase(facts).recommendation(budget, context) if budget is not None else None
    steps = {step.quantization: step for step in found.steps} if found is not None else {}
    best = _best(found, roundings)
    offers = []
    for kind in QUANTIZATIONS:
        size = sizes.get(kind.name)
        if size is None or kind.name in without:
            continue
        bits = size * 8 / facts.parameters if facts.parameters else kind.bits_per_weight
        loss = expected_loss(kind.name, bits, facts.parameters).words
        offers.append(
            TypeOffer(kind, size, bits, roundings[kind.name], loss, steps.get(kind.name), kind.name == best)
        )
    reason = found.reason if found is not None and best == found.step.quantization else ""
    return MakingOffer(facts, form, source_bytes, prospect, tuple(offers), reason)


def _best(found: Recommendation | None, roundings: Mapping[str, Rounding]) -> str:
    """What keeps the numbers of the source, or what the model was trained for, before what suits the computer."""
    special = next((name for name, each in roundings.items() if each in ("kept", "trained")), None)
    if special is not None and special not in SOURCE_TYPES:
        return special
    return found.step.quantization if found is not None else ""


def _class_of(kind: Quantization) -> str:
    name = kind.name
    if name in SOURCE_TYPES:
        return "plain"
    if name.startswith("IQ4"):
        return "iq4"
    if name.startswith("IQ"):
        return "iq"
    return "k" if "_K" in name else "simple"
