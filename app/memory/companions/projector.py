"""Projectors (mmproj): what turns images or sound into input for a model, and the working space for one image."""

from __future__ import annotations

from dataclasses import dataclass

from app.core.errors import DamagedGguf, WrongChoice
from app.core.units import format_bytes
from app.gguf import ModelFacts
from app.memory.companions.vision_geometry import (
    KNOWN_PROJECTORS,
    projector_type,
    read_vision_geometry,
)
from app.memory.companions.vision_graph import VisionWorkspace, layers_with_weights, vision_workspace
from app.memory.geometry import read_geometry

_GUESSED_VISION = VisionWorkspace(600_000_000, 10_000_000)
_GUESSED_AUDIO = VisionWorkspace(300_000_000, 2_000_000)
_OUTPUTS = {
    "gemma3": ("mm.input_projection.weight", 0),
    "idefics3": ("mm.model.fc.weight", 1),
    "internvl": ("mm.model.mlp.3.weight", 1),
    "janus_pro": ("mm.1.weight", 1),
    "lfm2": ("mm.2.weight", 1),
    "lightonocr": ("mm.2.weight", 1),
    "mlp": ("mm.2.weight", 1),
    "pixtral": ("mm.2.weight", 1),
    "qwen2vl_merger": ("mm.2.weight", 1),
    "qwen2.5vl_merger": ("mm.2.weight", 1),
    "qwen3vl_merger": ("mm.2.weight", 1),
}
"""The matrix that gives input for the model, and which of its lengths that has."""


@dataclass(frozen=True)
class ProjectorMemory:
    """Bytes on the device that computes it. `input_bytes`: of `compute_bytes`, what a processor beside it holds,
    too. `guess`: what is not known, in a sentence; empty where all is. `note`: what grows later."""

    weights_bytes: int
    compute_bytes: int
    input_bytes: int
    guess: str = ""
    note: str = ""


def encoders(projector: ModelFacts) -> tuple[str, ...]:
    """Of "vision" and "audio", those that the file says it has."""
    found = ("vision", "audio")
    return tuple(each for each in found if projector.metadata.get(f"clip.has_{each}_encoder") is True)


def check_projector(projector: ModelFacts, model: ModelFacts) -> None:
    """Raises WrongChoice where llama.cpp would refuse it for this model, DamagedGguf where it lacks weights."""
    name = projector.path.name
    if not encoders(projector):
        raise WrongChoice(
            f"{name} does not say that it encodes images or sound; llama.cpp refuses it.",
            "Download it again, or choose another file.",
        )
    vision = projector_type(projector, "vision") if "vision" in encoders(projector) else None
    geometry = read_vision_geometry(projector)
    if vision is None or geometry is None:
        return
    missing = sorted(set(range(geometry.layers)) - layers_with_weights(projector))
    if missing and vision in KNOWN_PROJECTORS:
        raise DamagedGguf(
            f"{name} is damaged: its header claims {geometry.layers} layers, and the weights of number "
            f"{missing[0]} are not there.",
            "Download it again.",
        )
    made, wanted = _output_length(projector, vision), _input_length(model)
    if made is not None and wanted is not None and made != wanted:
        raise WrongChoice(
            f"{name} makes {made:,} numbers of each piece of an image; {model.path.name} takes {wanted:,}.",
            "Choose the mmproj file that belongs to this model.",
        )


def projector_memory(projector: ModelFacts) -> ProjectorMemory:
    """What llama.cpp reserves when it loads a checked `projector`: weights as the file has them, and for one image
    what the graph needs, exact for `KNOWN_PROJECTORS`."""
    found = encoders(projector)
    guesses: list[str] = []
    note = ""
    spaces: list[VisionWorkspace] = []
    if "vision" in found:
        kind = projector_type(projector, "vision")
        geometry = read_vision_geometry(projector)
        spaces.append(vision_workspace(geometry, projector) if geometry else _GUESSED_VISION)
        if geometry is None or kind not in KNOWN_PROJECTORS:
            guesses.append("images")
        elif geometry.largest_side > geometry.side:
            largest = geometry.of_side(geometry.largest_side)
            grown = vision_workspace(largest, projector).total_bytes
            note = (
                f"{projector.path.name} takes {format_bytes(grown)} of working space instead of "
                f"{format_bytes(spaces[0].total_bytes)} once it is given its largest image "
                f"({largest.side} x {largest.side} pixels)."
            )
    if "audio" in found and _loads_audio(projector):
        spaces.append(_GUESSED_AUDIO)
        guesses.append("sound")
    return ProjectorMemory(
        weights_bytes=_weights_bytes(projector),
        compute_bytes=sum(each.total_bytes for each in spaces),
        input_bytes=sum(each.input_bytes for each in spaces),
        guess=f"The working space of {projector.path.name} for {' and '.join(guesses)} is a guess."
        if guesses
        else "",
        note=note,
    )


def _loads_audio(projector: ModelFacts) -> bool:
    """llama.cpp cannot use the encoder of sound of Gemma 3n and leaves it in the file."""
    return projector_type(projector, "vision") != "gemma3nv"


def _weights_bytes(projector: ModelFacts) -> int:
    skipped = () if _loads_audio(projector) else ("a.", "mm.a.")
    return sum(each.size_bytes for each in projector.tensors if not each.name.startswith(tuple(skipped)))


def _output_length(projector: ModelFacts, kind: str) -> int | None:
    shapes = {each.name: each.shape for each in projector.tensors}
    name, dimension = _OUTPUTS.get(kind, ("", 0))
    if kind == "mlp":  # of Yi, then of models with one matrix
        name = next((each for each in ("mm.3.weight", name, "mm.0.weight") if each in shapes), name)
    shape = shapes.get(name, ())
    deep = sum(each.startswith("v.deepstack.") and each.endswith(".fc1.weight") for each in shapes)
    return shape[dimension] * (1 + deep) if dimension < len(shape) else None


def _input_length(model: ModelFacts) -> int | None:
    geometry = read_geometry(model.metadata, model.vocabulary_size)
    if geometry is None:
        return model.embedding_length
    return geometry.embedding * (1 + geometry.deepstack_layers)
