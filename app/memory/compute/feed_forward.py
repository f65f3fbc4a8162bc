"""Feed-forward layers, dense and as a mixture of experts."""

from __future__ import annotations

from app.memory.compute.allocator import Tensor, in_place, result
from app.memory.compute.backends import MOST_FUSED_EXPERTS
from app.memory.compute.builder import Builder, combined, made_of
from app.memory.compute.weights import LayerWeights
from app.memory.geometry import Experts


def feed_forward(build: Builder, weights: LayerWeights, normed: Tensor) -> Tensor:
    experts = build.geometry.experts
    if experts is None or "ffn_gate_inp" not in weights:
        return _dense(build, weights, normed, "")
    if "ffn_latent_down" in weights:  # experts of fewer dimensions (Nemotron 3)
        compressed = build.multiplied("ffn_latent_down", weights, normed)
        mixed = _mixture(build, experts, weights, normed, compressed)
        mixed = build.multiplied("ffn_latent_up", weights, mixed)
    else:
        mixed = _mixture(build, experts, weights, normed, normed)
    if "ffn_up_shexp" not in weights:
        return mixed
    shared = _dense(build, weights, normed, "_shexp")
    if "ffn_gate_inp_shexp" in weights:
        gate = made_of(build.weight("ffn_gate_inp_shexp"), build.new(1, normed))
        shared = in_place(shared, gate)
    return combined(mixed, shared)


def feed_forward_beside_experts(
    build: Builder, experts: Experts, weights: LayerWeights, stream: Tensor
) -> Tensor:
    """A dense layer and experts, each with its own norm of `stream` (Gemma 4)."""
    mixed = _mixture(build, experts, weights, build.normed(stream), build.normed(stream))
    return combined(_dense(build, weights, build.normed(stream), ""), build.normed(mixed))


def _dense(build: Builder, weights: LayerWeights, normed: Tensor, suffix: str) -> Tensor:
    wide = weights.length(f"ffn_down{suffix}")
    if f"ffn_gate{suffix}" in weights:
        gate = build.multiplied(f"ffn_gate{suffix}", weights, normed)
        active = build.new(wide, gate, build.multiplied(f"ffn_up{suffix}", weights, normed))
    else:
        active = build.multiplied(f"ffn_up{suffix}", weights, normed)
        if weights.rows(f"ffn_up{suffix}") > wide:  # gate and up in one matrix
            active = build.new(wide, active)
    return build.multiplied(f"ffn_down{suffix}", weights, active)


def _mixture(
    build: Builder, experts: Experts, weights: LayerWeights, seen_by_router: Tensor, normed: Tensor
) -> Tensor:
    """The sum of the chosen experts' results, weighted."""
    chosen, shares = _routed(build, experts, weights, seen_by_router)
    build.graph.compute(shares)
    weighs_first = build.traits.weighs_experts_first
    if weighs_first:
        normed = build.new(experts.used * build.geometry.embedding, normed, shares)
    wide = weights.length("ffn_down_exps")
    if "ffn_gate_up_exps" in weights:
        both = build.multiplied("ffn_gate_up_exps", weights, normed, chosen, times=experts.used)
        active = build.new(wide * experts.used, both)
    else:
        active = build.multiplied("ffn_up_exps", weights, normed, chosen, times=experts.used)
        if "ffn_gate_exps" in weights:
            gate = build.multiplied("ffn_gate_exps", weights, normed, chosen, times=experts.used)
            active = build.new(wide * experts.used, gate, active)
    each = build.multiplied("ffn_down_exps", weights, active, chosen, times=experts.used)
    weighted = each
    if "ffn_down_exps.scale" in weights:
        scale = build.new(experts.used, build.new(experts.count), chosen)
        weighted = in_place(each, scale, shares)
    elif not weighs_first:
        weighted = in_place(each, shares)
    mixed = build.new(weights.rows("ffn_down_exps"), weighted)
    if weighted is not each and 1 < experts.used <= MOST_FUSED_EXPERTS:
        mixed.fused = (each, shares)
    build.graph.compute(mixed)
    return mixed


def _routed(build: Builder, experts: Experts, weights: LayerWeights, normed: Tensor) -> tuple[Tensor, Tensor]:
    """Which experts see a token, and with what share."""
    probabilities = ranked = made_of(build.weight("ffn_gate_inp"), build.new(experts.count, normed))
    if build.traits.weighs_experts_first:
        probabilities = in_place(ranked)
    if "exp_probs_b.bias" in weights or "exp_probs_b" in weights:
        ranked = made_of(build.weight("exp_probs_b.bias"), in_place(probabilities))
    if experts.groups > 1:
        ranked = _of_best_groups(build, experts, ranked)
    chosen = build.new(experts.count, ranked)
    shares = build.new(experts.used, probabilities, chosen)
    if experts.softmax:
        shares = build.new(experts.used, shares)
    if experts.normalized:
        shares = build.new(experts.used, shares, build.new(1, shares))
    if experts.scaled and (experts.softmax or experts.normalized):
        shares = build.new(experts.used, shares)
    return chosen, shares


def _of_best_groups(build: Builder, experts: Experts, ranked: Tensor) -> Tensor:
    """Probabilities, those of experts outside of the best groups wiped out."""
    best_two = build.new(experts.count, ranked)
    score = build.new(experts.groups, build.new(2 * experts.groups, ranked, best_two))
    groups = build.new(experts.groups, score)
    kept = build.new(experts.count // experts.groups * experts.groups_used, ranked, groups)
    wiped = build.new(experts.count, ranked)
    build.graph.compute(result(0, kept, groups, wiped))
    return wiped
