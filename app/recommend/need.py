"""Need: what one variant of a model takes for one context, whatever the machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.gguf import ModelFacts
from app.memory import estimate
from app.memory.geometry import read_geometry
from app.memory.placement import is_expert, is_loaded
from app.runtime.protocol import LoadSettings


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes, with everything on one device.

    `layers` counts those that run; layers are taken for equally large, which a list of thousands needs and a
    single plan does not (`app.memory.estimate` places each tensor). `output_bytes`: the output matrix, or the
    token embedding that stands for it. `read_bytes`: weights that work on every token, of a mixture the share of
    its experts that do. `is_guess`: the architecture's cache or graph is not known. `expert_layers` choose experts,
    whose weights take `expert_bytes`, of which a token reads `expert_read_bytes`; they are taken for the last ones.
    """

    layers: int
    weights_bytes: int
    layer_bytes: int
    output_bytes: int
    embedding_bytes: int
    kv_bytes: int
    compute_bytes: int
    read_bytes: int
    is_guess: bool
    expert_layers: int = 0
    expert_bytes: int = 0
    expert_read_bytes: int = 0

    @property
    def total_bytes(self) -> int:
        return self.weights_bytes + self.kv_bytes + self.compute_bytes

    @property
    def plain_layers(self) -> int:
        """Those without experts."""
        return self.layers - self.expert_layers

    def expert_layers_apart(self, gpu_layers: int, in_memory: int) -> int:
        """How many layers on the accelerators, the output being the last of `gpu_layers`, are without their experts
        where those of the first `in_memory` layers, -1 all, are in main memory."""
        if not self.expert_bytes or not gpu_layers:
            return 0
        first = self.layers - min(gpu_layers - 1, self.layers)
        last = self.layers if in_memory < 0 else min(in_memory, self.layers)
        return max(last - max(first, self.plain_layers), 0)


def need_of(facts: ModelFacts, settings: LoadSettings) -> Need:
    """What `facts` takes with the context, cache type and batch of `settings`."""
    whole = estimate(facts, settings)
    return replace(
        WeightTally(facts).of([tensor.size_bytes for tensor in facts.tensors]),
        kv_bytes=whole.kv_bytes,
        compute_bytes=whole.compute_bytes,
        is_guess=whole.basis == "guess",
    )


class WeightTally:
    """Counts the tensors of one model that are loaded, whatever types they have."""

    def __init__(self, facts: ModelFacts) -> None:
        geometry = read_geometry(facts.metadata, facts.vocabulary_size)
        self._layers = len(geometry.layers) if geometry else max(facts.layers or 1, 1)
        self._share_of_experts = _share_of_experts(facts)
        self._places = [
            _place(tensor.name) if is_loaded(tensor.name, self._layers) else "" for tensor in facts.tensors
        ]
        with_experts = (
            tensor.name
            for tensor, place in zip(facts.tensors, self._places, strict=True)
            if place == "experts"
        )
        self._expert_layers = len({name.split(".")[1] for name in with_experts})

    def of(self, sizes: Sequence[int]) -> Need:
        """Without a context; `sizes` in bytes, in the order of the tensors."""
        counted = dict.fromkeys(("layers", "experts", "embedding", "output", "rest", ""), 0)
        for place, size in zip(self._places, sizes, strict=True):
            counted[place] += size
        experts = counted["experts"]
        in_layers = counted["layers"] + experts
        at_work = int(experts * self._share_of_experts)
        output = counted["output"] or counted["embedding"]
        return Need(
            layers=self._layers,
            weights_bytes=sum(sizes) - counted[""],
            layer_bytes=in_layers // self._layers,
            output_bytes=output,
            embedding_bytes=counted["embedding"],
            kv_bytes=0,
            compute_bytes=0,
            read_bytes=in_layers - experts + at_work + output,
            is_guess=False,
            expert_layers=self._expert_layers,
            expert_bytes=experts,
            expert_read_bytes=at_work,
        )


def _place(tensor_name: str) -> str:
    if tensor_name.startswith("blk."):
        return "experts" if is_expert(tensor_name) else "layers"
    return {"token_embd.weight": "embedding", "output.weight": "output"}.get(tensor_name, "rest")


def _share_of_experts(facts: ModelFacts) -> float:
    """How many of all experts see a token, 0 to 1."""
    count = facts.metadata.get(f"{facts.architecture}.expert_count")
    used = facts.metadata.get(f"{facts.architecture}.expert_used_count")
    used = max(used, default=0) if isinstance(used, tuple) else used
    if not isinstance(count, int) or not isinstance(used, int) or not 0 < used <= count:
        return 1.0
    return used / count
