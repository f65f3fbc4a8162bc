"""What an architecture does that its weights do not tell."""

from __future__ import annotations

from dataclasses import dataclass

from app.memory.geometry import Layer


@dataclass(frozen=True)
class Traits:
    """How the graph of an architecture differs from the plain one.

    `parallel`: attention and feed-forward see the same input. `picks_outputs_late`: all rows go through the last
    layer. `weighs_experts_first`: before what they compute, not after. `unrotated`: layers with this attention ("whole" or "windowed") have no position encoding.
    `scales_attention`: queries are multiplied by a factor after rotation.
    """

    parallel: bool = False
    scales_embedding: bool = False
    scales_query: bool = False
    picks_outputs_late: bool = False
    weighs_experts_first: bool = False
    unrotated: str = ""

    def rotates(self, layer: Layer) -> bool:
        return self.unrotated != ("windowed" if layer.windowed else "whole")


_PLAIN = Traits()

_TRAITS = {
    "gemma2": Traits(scales_embedding=True, scales_query=True),
    "gemma3": Traits(scales_embedding=True, scales_query=True),
    "phi3": Traits(scales_query=True),
    "cohere2": Traits(parallel=True, unrotated="whole"),
    "command-r": Traits(parallel=True),
    "gpt-oss": Traits(picks_outputs_late=True),
    "llama4": Traits(weighs_experts_first=True, unrotated="whole"),
    "granite": Traits(scales_embedding=True),
}


def traits_of(architecture: str) -> Traits:
    return _TRAITS.get(architecture, _PLAIN)
