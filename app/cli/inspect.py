"""`nibble inspect`: what a model's header says."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer

from app.cli.hub_models import MODEL_HELP, described_model
from app.cli.running import JsonOption, engine_command, print_json
from app.cli.terminal import printable
from app.core.units import format_bytes, format_count
from app.gguf import ModelFacts
from app.gguf.recommended_sampling import recommended_sampling
from app.memory.companions import adapter_rank, encoders


@engine_command
def inspect(
    model: Annotated[str, typer.Argument(help=MODEL_HELP)],
    as_json: JsonOption = False,
) -> None:
    """Show the header facts of a model."""
    _, facts = described_model(model)
    if as_json:
        print_json(_document(facts))
    else:
        print(_text(facts))


def _document(facts: ModelFacts) -> dict[str, Any]:
    return {
        "path": str(facts.path),
        "files": [str(file) for file in facts.files],
        "name": facts.name,
        "kind": facts.kind,
        "projector": facts.metadata.get("clip.projector_type") if facts.kind == "mmproj" else None,
        "adapter_rank": adapter_rank(facts) if facts.kind == "adapter" else None,
        "architecture": facts.architecture,
        "parameters": facts.parameters,
        "quantization": facts.quantization,
        "bits_per_weight": facts.bits_per_weight,
        "layers": facts.layers,
        "context_length": facts.context_length,
        "embedding_length": facts.embedding_length,
        "heads": facts.heads,
        "kv_heads": facts.kv_heads,
        "vocabulary_size": facts.vocabulary_size,
        "recommended_sampling": _recommended(facts),
        "has_chat_template": facts.chat_template is not None,
        "tensors": len(facts.tensors),
        "tensor_bytes": facts.tensor_bytes,
        "file_bytes": facts.file_bytes,
        "gguf_version": facts.version,
    }


def _text(facts: ModelFacts) -> str:
    bits = f"{facts.bits_per_weight:.2f}" if facts.bits_per_weight else "–"
    rows = {
        "Name": facts.name or "–",
        "Kind": _kind(facts),
        "Architecture": facts.architecture or "–",
        "Parameters": format_count(facts.parameters),
        "Quantization": f"{facts.quantization or '–'}, {bits} bits per weight",
        "Layers": _number(facts.layers),
        "Context": f"{_number(facts.context_length)} tokens",
        "Heads": f"{_number(facts.heads)}, {_number(facts.kv_heads)} of keys and values",
        "Vocabulary": f"{_number(facts.vocabulary_size)} tokens",
        "Chat template": "its own" if facts.chat_template else "none (ChatML is used)",
        "Sampling": _sampling_words(facts),
        "Tensors": _number(len(facts.tensors)),
        "Size": format_bytes(facts.file_bytes)
        + (f" in {len(facts.files)} files" if len(facts.files) > 1 else ""),
        "File": str(facts.path),
    }
    return "\n".join(f"{name:<14}{printable(value, lines=False)}" for name, value in rows.items())


def _recommended(facts: ModelFacts) -> dict[str, Any] | None:
    found = recommended_sampling(facts.metadata)
    return (
        None if found is None else {k: v for k, v in msgspec.structs.asdict(found).items() if v is not None}
    )


def _sampling_words(facts: ModelFacts) -> str:
    said = _recommended(facts) or {}
    return ", ".join(f"{name} {value:g}" for name, value in said.items()) or "nothing recommended"


def _kind(facts: ModelFacts) -> str:
    match facts.kind:
        case "mmproj":
            projector = facts.metadata.get("clip.projector_type")
            name = f", {projector}" if isinstance(projector, str) else ""
            what = {"vision": "images", "audio": "sound"}
            inputs = " and ".join(what[each] for each in encoders(facts)) or "images or sound"
            return f"projector of {inputs} (mmproj{name})"
        case "adapter":
            method = facts.metadata.get("adapter.type")
            if method != "lora":
                return "adapter"
            return f"adapter (LoRA), rank {_number(adapter_rank(facts))}"
        case kind:
            return kind


def _number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"
