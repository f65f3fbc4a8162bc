"""The compute graph of a transformer as llama.cpp builds it, read from which weights its layers have.

Source: `src/llama-graph.cpp` and `src/models/*.cpp` of llama.cpp: what is computed in which order, and how
long each result is kept.
"""

from __future__ import annotations

from app.memory.compute.allocator import Graph, Tensor
from app.memory.compute.batch import Batch
from app.memory.compute.inputs import F32, I32, Inputs
from app.memory.compute.recurrent import recurrent_mix
from app.memory.compute.traits import Traits
from app.memory.compute.weights import LayerWeights
from app.memory.geometry import Geometry, Layer

_F16 = 2


class Transformer:
    """Builds the graph of one batch, layer by layer. Results are [length, rows] of F32."""

    def __init__(self, geometry: Geometry, traits: Traits, batch: Batch) -> None:
        self.graph = Graph()
        self._geometry = geometry
        self._traits = traits
        self._batch = batch
        self._inputs = Inputs(self.graph, geometry, batch)
        self._rows = batch.tokens

    def begin(self) -> Tensor:
        """The embeddings of the batch."""
        embedded = self._new(self._geometry.embedding, self._inputs.tokens())
        self._inputs.embeddings()
        return self.graph.in_place(embedded) if self._traits.scales_embedding else embedded

    def layer(self, stream: Tensor, layer: Layer, weights: LayerWeights, *, is_last: bool) -> Tensor:
        """What `stream`, [embedding, rows], is after one layer."""
        normed = self._normed(stream) if "attn_norm" in weights else stream
        mixed = self._mixed(layer, weights, normed)
        if is_last and not self._traits.picks_outputs_late:
            mixed, stream, normed = self._pick(mixed, stream, normed if self._traits.parallel else None)
        if self._traits.parallel:
            return self._sum(self._sum(self._feed_forward(weights, normed), stream), mixed)
        norms_mixed = "post_attention_norm" in weights and (
            "ffn_norm" in weights or "post_ffw_norm" in weights
        )
        stream = self._sum(self._normed(mixed) if norms_mixed else mixed, stream)
        if not weights.feed_forward or not (layer.recurrent or layer.kv_heads):
            return stream
        norms_stream = "ffn_norm" in weights or ("post_attention_norm" in weights and not norms_mixed)
        forward = self._feed_forward(weights, self._normed(stream) if norms_stream else stream)
        return self._sum(self._normed(forward) if "post_ffw_norm" in weights else forward, stream)

    def end(self, stream: Tensor) -> None:
        """The logits, [vocabulary, outputs]."""
        if self._traits.picks_outputs_late:
            stream, *_ = self._pick(stream)
        self._new(self._geometry.vocabulary, self._normed(stream))

    def _mixed(self, layer: Layer, weights: LayerWeights, normed: Tensor) -> Tensor:
        """What a layer takes from other tokens; of one that only feeds forward, that."""
        if layer.recurrent:
            return recurrent_mix(self.graph, self._geometry, weights, normed, self._rows)
        if not layer.kv_heads:
            return self._feed_forward(weights, normed)
        if self._geometry.latent and "attn_kv_a_mqa" in weights:
            return self._latent_attention(layer, weights, normed)
        if "attn_qkv" in weights:
            return self._fused_attention(layer, weights, normed)
        return self._attention(layer, weights, normed)

    def _attention(self, layer: Layer, weights: LayerWeights, normed: Tensor) -> Tensor:
        projected = self._projected("attn_q", weights, normed)
        query = self._heads("attn_q", layer, weights, projected, layer.heads * layer.key_length)
        if layer.has_cache:
            value = self._heads(
                "attn_v", layer, weights, self._projected("attn_v", weights, normed), layer.values
            )
            key = self._heads(
                "attn_k", layer, weights, self._projected("attn_k", weights, normed), layer.keys
            )
            self._store(layer, key, value)
        attended = self._weighted_sum(layer, query)
        if weights.rows("attn_q") == 2 * layer.heads * layer.key_length:  # its other half is a gate
            half = projected.size // 2
            gate = self.graph.in_place(self.graph.result(half, self.graph.view(projected, half)))
            attended = self.graph.in_place(attended, gate)
        return self._projected("attn_output", weights, attended)

    def _fused_attention(self, layer: Layer, weights: LayerWeights, normed: Tensor) -> Tensor:
        fused = self._projected("attn_qkv", weights, normed)
        query = self._heads("attn_q", layer, weights, fused, layer.heads * layer.key_length)
        value = self._heads("attn_v", layer, weights, fused, layer.values)
        key = self._heads("attn_k", layer, weights, fused, layer.keys)
        if not self._batch.flash_attention:
            value = self._new(layer.values, value)
        self._store(layer, key, value)
        return self._projected("attn_output", weights, self._weighted_sum(layer, query))

    def _heads(
        self, name: str, layer: Layer, weights: LayerWeights, projected: Tensor, length: int
    ) -> Tensor:
        """Queries, keys or values by heads: normed where there is a norm, with their positions, and
        turned before the cache quantizes them."""
        graph = self.graph
        norm = f"{name}_norm"
        if weights.length(norm) > max(layer.key_length, layer.value_length):  # over all heads at once
            heads = graph.view(self._normed(projected))
        else:
            heads = graph.view(projected, length * self._rows * F32)
            if norm in weights:
                heads = self._normed(heads)
        if name == "attn_v":
            return self._turned(heads, self._inputs.value_rotation(layer))
        if self._traits.rotates(layer):
            heads = graph.in_place(heads, self._inputs.positions())
        if name == "attn_q" and self._traits.scales_query:
            heads = graph.in_place(heads)
        return self._turned(heads, self._inputs.key_rotation(layer))

    def _latent_attention(self, layer: Layer, weights: LayerWeights, normed: Tensor) -> Tensor:
        """Queries against compressed keys, which are the values as well (DeepSeek-V2)."""
        graph, rows = self.graph, self._rows
        latent = weights.length("attn_kv_a_norm")
        rotated = weights.rows("attn_kv_a_mqa") - latent
        if "attn_q_a" in weights:
            query = self._projected(
                "attn_q_b", weights, self._normed(self._projected("attn_q_a", weights, normed))
            )
        else:
            query = self._projected("attn_q", weights, normed)
        query = graph.view(query)
        absorbed = self._new(latent * layer.heads, graph.view(graph.view(query)))
        positioned = self._new(rotated * layer.heads, graph.view(query), self._inputs.positions())
        query = self._new((latent + rotated) * layer.heads, graph.view(absorbed), positioned)
        query = self._turned(query, self._inputs.key_rotation(layer))
        compressed = self._projected("attn_kv_a_mqa", weights, normed)
        value = graph.view(self._normed(graph.view(compressed, latent * rows * F32)))
        positioned = self._new(rotated, graph.view(compressed), self._inputs.positions())
        key = self._turned(self._new(latent + rotated, value, positioned), self._inputs.key_rotation(layer))
        graph.store(graph.view(key), self._inputs.key_places(layer))
        query = graph.view(graph.view(query))
        if self._batch.flash_attention:
            attended = self._new(latent * layer.heads, query, self._inputs.mask(layer))
        else:
            scores = graph.in_place(self._scores(layer, query), self._inputs.mask(layer))
            transposed = graph.result(self._batch.cells * latent * _F16)
            attended = self._new(latent * layer.heads, transposed, scores)
        expanded = self._new(weights.length("attn_output"), graph.view(attended))
        contiguous = self._new(weights.length("attn_output"), graph.view(expanded))
        return self._projected("attn_output", weights, graph.view(contiguous))

    def _store(self, layer: Layer, key: Tensor, value: Tensor) -> None:
        self.graph.store(self.graph.view(key), self._inputs.key_places(layer))
        self.graph.store(self.graph.view(value), self._inputs.value_places(layer))

    def _weighted_sum(self, layer: Layer, query: Tensor) -> Tensor:
        graph = self.graph
        query = graph.view(graph.view(query))
        length = layer.heads * layer.value_length
        if self._batch.flash_attention:
            attended = graph.view(self._new(length, query, self._inputs.mask(layer)))
        else:
            scores = graph.in_place(self._scores(layer, query), self._inputs.mask(layer))
            attended = self._new(length, graph.view(self._new(length, scores)))
        return self._turned(attended, self._inputs.value_rotation(layer))

    def _scores(self, layer: Layer, query: Tensor) -> Tensor:
        cells = self._batch.window_cells if layer.windowed else self._batch.cells
        return self._new(cells * layer.heads, query)

    def _turned(self, heads: Tensor, rotation: Tensor | None) -> Tensor:
        if rotation is None:
            return heads
        turned = self.graph.result(heads.size, rotation, self.graph.view(heads, heads.size))
        return self.graph.view(turned)

    def _feed_forward(self, weights: LayerWeights, normed: Tensor) -> Tensor:
        if "ffn_gate_inp" not in weights:
            return self._dense(weights, normed, "")
        mixed = self._experts(weights, normed)
        if "ffn_up_shexp" not in weights:
            return mixed
        shared = self._dense(weights, normed, "_shexp")
        if "ffn_gate_inp_shexp" in weights:
            shared = self.graph.in_place(shared, self.graph.in_place(self._new(1, normed)))
        return self._sum(mixed, shared)

    def _dense(self, weights: LayerWeights, normed: Tensor, suffix: str) -> Tensor:
        wide = weights.length(f"ffn_down{suffix}")
        if f"ffn_gate{suffix}" in weights:
            gate = self._projected(f"ffn_gate{suffix}", weights, normed)
            active = self._new(wide, gate, self._projected(f"ffn_up{suffix}", weights, normed))
        else:
            up = self._projected(f"ffn_up{suffix}", weights, normed)
            # Twice as wide: gate and up in one matrix.
            active = (
                self._new(wide, up) if weights.rows(f"ffn_up{suffix}") > wide else self.graph.in_place(up)
            )
        return self._projected(f"ffn_down{suffix}", weights, active)

    def _experts(self, weights: LayerWeights, normed: Tensor) -> Tensor:
        """The sum of the chosen experts' results, weighted."""
        graph, experts = self.graph, self._geometry.experts
        assert experts
        used = experts.used
        chosen, shares = self._routed(weights, normed)
        if self._traits.weighs_experts_first:
            normed = graph.in_place(self._new(used * self._geometry.embedding, graph.view(normed)), shares)
        else:
            normed = graph.view(normed)
        wide = weights.length("ffn_down_exps")
        if "ffn_gate_up_exps" in weights:
            both = self._new(2 * wide * used, normed, chosen)
            active = self._new(wide * used, graph.view(both), graph.view(both))
        else:
            gate = (
                self._expert("ffn_gate_exps", weights, normed, chosen) if "ffn_gate_exps" in weights else None
            )
            up = self._expert("ffn_up_exps", weights, normed, chosen)
            active = self._new(wide * used, gate, up) if gate else graph.in_place(up)
        down = self._expert("ffn_down_exps", weights, active, chosen)
        if not self._traits.weighs_experts_first:
            down = graph.in_place(down, shares)
        parts = [graph.view(down) for _ in range(used)]
        if used == 1:
            return self._new(self._geometry.embedding, parts[0])
        total = self._new(self._geometry.embedding, parts[0], parts[1])
        for part in parts[2:]:
            total = graph.in_place(total, part)
        return total

    def _routed(self, weights: LayerWeights, normed: Tensor) -> tuple[Tensor, Tensor]:
        """Which experts see a token, and with what share."""
        graph, experts = self.graph, self._geometry.experts
        assert experts
        logits = self._new(experts.count, normed)
        if "ffn_gate_inp.bias" in weights:
            logits = graph.in_place(logits)
        probabilities = graph.in_place(logits)
        shown = graph.view(probabilities)
        if "exp_probs_b.bias" in weights or "exp_probs_b" in weights:
            probabilities = graph.result(probabilities.size, probabilities, reuses=(probabilities,))
        chosen = graph.view(graph.result(experts.count * self._rows * I32, probabilities))
        shares = self._new(experts.used, shown, chosen)
        total = graph.in_place(self._new(1, graph.view(shares)))
        return chosen, graph.view(self._new(experts.used, graph.view(shares), total))

    def _expert(self, name: str, weights: LayerWeights, source: Tensor, chosen: Tensor) -> Tensor:
        assert self._geometry.experts
        result = self._new(weights.rows(name) * self._geometry.experts.used, source, chosen)
        return self.graph.in_place(result, chosen) if f"{name}.bias" in weights else result

    def _projected(self, name: str, weights: LayerWeights, source: Tensor) -> Tensor:
        result = self._new(weights.rows(name), source)
        return self.graph.in_place(result) if f"{name}.bias" in weights else result

    def _normed(self, tensor: Tensor) -> Tensor:
        return self.graph.in_place(self.graph.in_place(tensor))

    def _sum(self, left: Tensor, right: Tensor) -> Tensor:
        return self.graph.result(left.size, left, right, reuses=(left, right))

    def _pick(self, *tensors: Tensor | None) -> list[Tensor]:
        """Of each tensor the rows whose logits are wanted; all that comes after is as short."""
        picked = []
        for tensor in tensors:
            if tensor is not None:
                size = tensor.size // self._rows * self._batch.outputs
                picked.append(self.graph.result(size, tensor, self._inputs.outputs()))
        self._rows = self._batch.outputs
        return picked + [picked[-1]] * (len(tensors) - len(picked))

    def _new(self, length: int, *sources: Tensor) -> Tensor:
        return self.graph.result(length * self._rows * F32, *sources)
