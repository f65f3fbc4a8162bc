"""Need: what one variant of a model takes for one context, whatever the machine."""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.gguf import ModelFacts
from app.memory import estimate
from app.runtime.protocol import LoadSettings

BLOCK = "blk."
EXPERTS = re.compile(r"ffn_(up|down|gate|gate_up)_exps")


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes, with everything on one device.

    `layers` counts those with weights; layers are taken for equally large, which a list of thousands needs and a
    single plan does not (`app.memory.estimate` places each tensor). `output_bytes`: the output matrix, or the
    token embedding that stands for it. `read_bytes`: weights that work on every token, of a mixture the share of
    its experts that do. `is_guess`: the architecture's cache or graph is not known.
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

    @property
    def total_bytes(self) -> int:
        return self.weights_bytes + self.kv_bytes + self.compute_bytes


def need_of(facts: ModelFacts, settings: LoadSettings) -> Need:
    """What `facts` takes with the context, cache type and batch of `settings`."""
    whole = estimate(facts, settings)
    in_layers = experts = embedding = output = 0
    for tensor in facts.tensors:
        if tensor.name.startswith(BLOCK):
            in_layers += tensor.size_bytes
            if EXPERTS.search(tensor.name):
                experts += tensor.size_bytes
        elif tensor.name == "token_embd.weight":
            embedding = tensor.size_bytes
        elif tensor.name == "output.weight":
            output = tensor.size_bytes
    layers = max(facts.layers or 1, 1)
    idle = experts - int(experts * share_of_experts(facts))
    return Need(
        layers=layers,
        weights_bytes=whole.weights_bytes,
        layer_bytes=in_layers // layers,
        output_bytes=output or embedding,
        embedding_bytes=embedding,
        kv_bytes=whole.kv_bytes,
        compute_bytes=whole.compute_bytes,
        read_bytes=in_layers - idle + (output or embedding),
        is_guess=whole.basis == "guess",
    )


def share_of_experts(facts: ModelFacts) -> float:
    """How many of all experts see a token, 0 to 1."""
    count = facts.metadata.get(f"{facts.architecture}.expert_count")
    used = facts.metadata.get(f"{facts.architecture}.expert_used_count")
    used = max(used, default=0) if isinstance(used, tuple) else used
    if not isinstance(count, int) or not isinstance(used, int) or not 0 < used <= count:
        return 1.0
    return used / count
