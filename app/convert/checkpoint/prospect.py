"""What could be made of a checkpoint, as far as its description tells: before it is downloaded or read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from app.convert.checkpoint.architectures import ARCHITECTURES
from app.convert.checkpoint.config import Config, read_json
from app.convert.checkpoint.conversion import READABLE
from app.convert.checkpoint.folder import PICKLES, CheckpointFolder
from app.convert.checkpoint.plan import ModelPlan
from app.convert.checkpoint.qat import named_qat_type, trained_for
from app.convert.checkpoint.quantization_method import METHODS, quantization_method, torchao_bits
from app.convert.checkpoint.tokenizer_kinds import FILES
from app.convert.checkpoint.weights import INDEX, SINGLE
from app.convert.quantizations import QUANTIZATIONS, quantization_named
from app.core.errors import DamagedCheckpoint, EnvironmentFault
from app.gguf.cursor import shorten
from app.gguf.facts import ModelFacts, facts_from_headers
from app.gguf.header import Header, MetadataValue, TensorInfo
from app.memory.mixture import NoPrediction, predict_file_bytes, read_traits

_BLOCK = 32
"""Weights of a block of Q4_0, Q4_1 and Q8_0."""
_MOST_GROUP = 1 << 20
_PLANNED = "BF16"
_ALIGNMENT = 32
_HEADER_BYTES = 1 << 20
"""Of a vocabulary that was not read: a guess, small beside any model's weights."""
_FORMS = {"gptq": "GPTQ", "awq": "AWQ", "fp8": "FP8", "mxfp4": "MXFP4"}


@dataclass(frozen=True, slots=True)
class Described:
    """`config`: what config.json holds; `form`: the type of the weights, or how they are quantized, None where
    nothing tells it. `files`: names of all in the folder. `name`: the folder's or the repository's."""

    config: Mapping[str, object]
    form: str | None
    is_pickled: bool
    is_adapter: bool
    files: Collection[str]
    name: str = ""


@dataclass(frozen=True)
class Prospect:
    """`reason_against`: a sentence, empty where `convert_checkpoint` can be tried; then nothing else is told.

    `method`: how the weights are quantized already, one of METHODS, None in full precision. `kept`: the type of a GGUF
    that holds those integers as they are, by all that the description tells; the weights themselves may differ. `bits`
    of them, where that is told.
    `trained_for`: the type that it was trained to be quantized to (`qat`). `leaves_out`: what of the model is
    no part of a GGUF, empty where all is. `sizes`: bytes of each type's file, of
    those that can be foretold.
    """

    reason_against: str = ""
    parameters: int | None = None
    has_experts: bool = False
    method: str | None = None
    kept: str | None = None
    bits: int | None = None
    trained_for: str | None = None
    leaves_out: str = ""
    sizes: Mapping[str, int] = field(default_factory=dict)
    facts: ModelFacts | None = field(default=None, repr=False)
    """Of the file in full precision that it would become, its vocabulary guessed."""

    @property
    def form(self) -> str:
        """How it is quantized, as people call it: "GPTQ, 4 bits"; empty in full precision."""
        if self.method is None:
            return ""
        name = _FORMS.get(self.method, self.method)
        return f"{name}, {self.bits} bits" if self.bits else name


def prospect_of(checkpoint: Described) -> Prospect:
    """Takes a third of a second, for the gguf package, where it is the first to need that."""
    against = _reason_against(checkpoint)
    if against:
        return Prospect(against)
    config = Config(checkpoint.config)
    try:
        plan = ARCHITECTURES[config.texts("architectures")[0]](config)
        facts = _planned_facts(plan, checkpoint.name)
        return Prospect(
            parameters=sum(tensor.elements for tensor in plan.tensors),
            has_experts=any(tensor.stacked or len(tensor.shape) > 2 for tensor in plan.tensors),
            method=quantization_method(config),
            kept=_kept(config),
            bits=_bits(config),
            trained_for=named_qat_type(checkpoint.name),
            leaves_out=plan.leaves_out,
            sizes=_sizes(facts),
            facts=facts,
        )
    except DamagedCheckpoint as fault:
        return Prospect(fault.message)


def prospect_of_folder(folder: Path) -> Prospect:
    """Looks at some of the weights, too. Raises FileGone, NotAllowed, UnreadableFile and DamagedCheckpoint."""
    checkpoint = CheckpointFolder(folder)
    names = checkpoint.files()
    path = checkpoint.find("config.json")
    weights = {SINGLE, INDEX} & set(names)
    prospect = prospect_of(
        Described(
            config=read_json(path) if path else {},
            form=None,
            is_pickled=not weights and any(name.endswith(PICKLES) for name in names),
            is_adapter="adapter_config.json" in names and path is None,
            files=names,
            name=checkpoint.name,
        )
    )
    if prospect.reason_against or prospect.trained_for is not None:
        return prospect
    with suppress(EnvironmentFault):  # what is wrong with the weights, their conversion tells
        return replace(prospect, trained_for=trained_for(folder))
    return prospect


def _reason_against(checkpoint: Described) -> str:
    if checkpoint.is_adapter:
        return "This is an adapter, which only changes another model."
    if checkpoint.is_pickled:
        return "Its weights are pickled files, which can run programs when they are read."
    config = Config(checkpoint.config)
    try:
        architectures = config.texts("architectures")
        method = quantization_method(config)
    except DamagedCheckpoint as fault:
        return fault.message
    if method not in (None, *METHODS) or (method is None and checkpoint.form not in (None, *READABLE)):
        form = checkpoint.form or method or ""
        return f"It is already quantized ({form if form.isprintable() else shorten(form)}), which Nibble does not read."
    architecture = architectures[0] if architectures else None
    if architecture not in ARCHITECTURES:
        name = shorten(architecture) if architecture else "which nothing tells"
        return f"Nibble does not convert its architecture yet ({name})."
    if SINGLE not in checkpoint.files and INDEX not in checkpoint.files:
        return f"It has neither {SINGLE} nor {INDEX}."
    if not any(file in checkpoint.files for file in FILES):
        return f"Nibble does not convert its kind of tokenizer: it has no {', '.join(FILES[:-1])} or {FILES[-1]}."
    return ""


def _bits(config: Config) -> int | None:
    told = config.table("quantization_config")
    match quantization_method(config):
        case "gptq":
            return told.count("bits", 8)
        case "awq":
            return told.count("bits", 64, default=4)
        case "bitsandbytes":
            return 4 if told.flag("load_in_4bit", default=False) else 8
        case "torchao":
            return torchao_bits(told)
        case _:
            return None


def _kept(config: Config) -> str | None:
    """As `kernels.formats.ggml_blocks.exact_type` finds by the weights. Raises DamagedCheckpoint."""
    told = config.table("quantization_config")
    match quantization_method(config):
        case "gptq":
            if told.flag("desc_act", default=False):
                return None
            return _block_for(told.count("bits", 8), told.flag("sym", default=True), _group(told))
        case "awq":
            is_symmetric = not told.flag("zero_point", default=True)
            return _block_for(told.count("bits", 64, default=4), is_symmetric, _group(told))
        case "compressed-tensors":
            return _kept_of_compressed(told)
        case "torchao":
            return _block_for(torchao_bits(told), is_symmetric=True, group_size=_group_of_torchao(told))
        case "mxfp4":
            return "BF16"  # beside them, what was not quantized has that
        case _:
            return None


def _kept_of_compressed(told: Config) -> str | None:
    groups = told.table("config_groups")
    found = set()
    for name in groups.names():
        weights = groups.table(name).table("weights")
        if weights.text("type", default="int") != "int" or weights.has("actorder"):
            return None
        is_symmetric = weights.flag("symmetric", default=True)
        found.add(_block_for(weights.count("num_bits", 8, default=4), is_symmetric, _group(weights)))
    return found.pop() if len(found) == 1 else None


def _group_of_torchao(told: Config) -> int:
    data = told.table("quant_type").table("default").table("_data")
    granularity = data.table("granularity" if data.has("granularity") else "weight_granularity").table(
        "_data"
    )
    return _group(granularity)


def _group(told: Config) -> int:
    """Weights that have a scale together; 0 for a whole row, which programs write as -1 or null."""
    if not told.has("group_size") or told.any_number("group_size") < 0:
        return 0
    return told.count("group_size", _MOST_GROUP)


def _block_for(bits: int, is_symmetric: bool, group_size: int) -> str | None:
    if group_size % _BLOCK:
        return None
    return {(4, True): "Q4_0", (4, False): "Q4_1", (8, True): "Q8_0"}.get((bits, is_symmetric))


def _planned_facts(plan: ModelPlan, name: str) -> ModelFacts:
    import gguf  # takes a third of a second

    architectures = {name: number for number, name in gguf.MODEL_ARCH_NAMES.items()}
    names = gguf.get_tensor_name_map(architectures[plan.architecture], plan.layers)
    metadata: dict[str, MetadataValue] = {
        "general.architecture": plan.architecture,
        "general.name": name,
        "general.file_type": quantization_named(_PLANNED).file_type,
    }
    for key, value in plan.metadata.items():
        metadata[f"{plan.architecture}.{key}"] = (
            value if isinstance(value, bool | int | float | str) else tuple(value)
        )
    offset = _HEADER_BYTES
    tensors = []
    for each in plan.tensors:
        type = "F32" if len(each.made_shape) == 1 else _PLANNED
        size = each.elements * (4 if type == "F32" else 2)
        gguf_name = names.get_name(each.name, try_suffixes=(".weight", ".bias")) or each.name
        tensors.append(TensorInfo(gguf_name, each.made_shape[::-1], type, offset, size, each.elements))
        offset += -(-size // _ALIGNMENT) * _ALIGNMENT
    header = Header(3, "little", metadata, tuple(tensors), _ALIGNMENT, _HEADER_BYTES, offset)
    return facts_from_headers((Path(f"{name}.gguf"),), (header,))


def _sizes(facts: ModelFacts) -> dict[str, int]:
    sizes = {}
    for kind in QUANTIZATIONS:
        with suppress(NoPrediction):
            sizes[kind.name] = predict_file_bytes(
                facts.tensors,
                read_traits(facts.metadata),
                kind.name,
                importance_matrix=kind.needs_importance_matrix,
            )
    return sizes
