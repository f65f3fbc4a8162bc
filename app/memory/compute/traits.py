"""What an architecture does that its weights do not tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Parallel = Literal[
    "forward and stream", "forward and attention", "attention and forward", "attention and stream"
]
Picks = Literal["attended", "added", "made", "kept", "normed"]


@dataclass(frozen=True)
class Traits:
    """How the graph of an architecture differs from the plain one.

    `layer_norm`: norms subtract the mean; biases of norms tell that as well. `sums_first`: which two are
    added first where attention and the feed-forward layer see the same. `adds_to_stream`: the stream is the
    first operand of sums with the feed-forward layer's result, or of all. `picks`: the rows whose logits are
    wanted are picked from what the last layer attended to, from the stream with that added, from what the
    layer made of it, or from the latter normed; "kept": made, and kept for a model that drafts, as it is
    where it is normed. `weighs_experts_first`: before what they compute, not after. `norms_values`: values
    are normed like queries and keys. `adapts_output`: adapters (LoRA) of the output matrix have an effect.
    """

    layer_norm: bool = False
    sums_first: Parallel = "forward and attention"
    adds_to_stream: Literal["", "forward", "always"] = ""
    picks: Picks = "attended"
    weighs_experts_first: bool = False
    norms_values: bool = False
    adapts_output: bool = True


_PLAIN = Traits()

_TRAITS = {
    "cohere2": Traits(layer_norm=True, sums_first="forward and stream"),
    "command-r": Traits(layer_norm=True, sums_first="forward and stream"),
    "deepseek2": Traits(adapts_output=False),
    "deepseek32": Traits(adapts_output=False),
    "deepseek4": Traits(adapts_output=False),
    "falcon-h1": Traits(picks="added"),
    "gemma3n": Traits(norms_values=True, picks="made"),
    "gemma4": Traits(norms_values=True, picks="normed"),
    "glm-dsa": Traits(adapts_output=False),
    "gpt-oss": Traits(picks="kept"),
    "jamba": Traits(adds_to_stream="always"),
    "kimi-k3": Traits(adapts_output=False),
    "lfm2": Traits(adds_to_stream="always"),
    "lfm2moe": Traits(adds_to_stream="always"),
    "llama4": Traits(weighs_experts_first=True),
    "nemotron_h": Traits(picks="normed"),
    "nemotron_h_moe": Traits(picks="normed"),
    "phi2": Traits(sums_first="attention and forward"),
    "phi3": Traits(adds_to_stream="forward"),
    "qwen35": Traits(picks="normed"),
    "qwen35moe": Traits(picks="normed"),
    "qwen3next": Traits(picks="normed"),
    "stablelm": Traits(sums_first="attention and stream"),
}


def traits_of(architecture: str) -> Traits:
    return _TRAITS.get(architecture, _PLAIN)
