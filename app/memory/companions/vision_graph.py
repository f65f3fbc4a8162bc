"""The compute graph of an encoder of images and its projector, laid out like that of a model.

Source: `tools/mtmd/clip.cpp` and `tools/mtmd/models/*.cpp` of llama.cpp, with flash attention, which it uses
where the device can.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from app.gguf import ModelFacts
from app.memory.companions.vision_geometry import VisionGeometry
from app.memory.compute.allocator import Graph, Tensor, in_place, result
from app.memory.compute.builder import combined
from app.memory.compute.weights import LayerWeights

_F32, _F16, _I32 = 4, 2, 4
_COLORS = 3
_LAYER = re.compile(r"v\.blk\.(\d{1,4})\.(.+)")


@dataclass(frozen=True)
class VisionWorkspace:
    """Bytes for one image. `input_bytes`: of the total, what is put in from outside."""

    total_bytes: int
    input_bytes: int


def vision_workspace(geometry: VisionGeometry, facts: ModelFacts) -> VisionWorkspace:
    """Exact for the projectors in `KNOWN_PROJECTORS`; of others the encoder alone."""
    build = _Builder(geometry, facts)
    build.graph.compute(_GRAPHS.get(geometry.projector, _encoded)(build))
    return VisionWorkspace(build.graph.peak_bytes(), build.input_bytes)


def layers_with_weights(facts: ModelFacts) -> set[int]:
    """Layers of the encoder of images whose attention is in the file."""
    found = (_LAYER.fullmatch(tensor.name) for tensor in facts.tensors)
    return {int(match[1]) for match in found if match and match[2] == "attn_out.weight"}


class _Builder:
    """The graph so far. Results are [length, rows] of F32, one row for each patch, and later for each token."""

    def __init__(self, geometry: VisionGeometry, facts: ModelFacts) -> None:
        self.graph = Graph()
        self.geometry = geometry
        self.rows = geometry.patches
        self.input_bytes = 0
        self.metadata = facts.metadata
        self.types = {tensor.name: tensor.type for tensor in facts.tensors}
        self.sizes = {tensor.name: tensor.size_bytes for tensor in facts.tensors}
        shapes: dict[int, dict[str, tuple[int, ...]]] = {}
        outside: dict[str, tuple[int, ...]] = {}
        for tensor in facts.tensors:
            match = _LAYER.fullmatch(tensor.name)
            of_layer = shapes.setdefault(int(match[1]), {}) if match else outside
            of_layer[(match[2] if match else tensor.name).removesuffix(".weight")] = tensor.shape
        self.layers = [LayerWeights(shapes.get(layer, {})) for layer in range(geometry.layers)]
        self.outside = LayerWeights(outside)

    def given(self, size: int) -> Tensor:
        self.input_bytes += size
        return Tensor(size, given=True)

    def new(self, length: int, *sources: Tensor) -> Tensor:
        return result(length * self.rows * _F32, *sources)

    def layer_normed(self, tensor: Tensor) -> Tensor:
        return result(tensor.size, tensor)

    def through(self, source: Tensor, *names: str) -> Tensor:
        """Multiplied by one matrix after the other; what is between them is done in place."""
        for name in names:
            source = self.new(self.outside.rows(name), source)
        return source


def _encoded(build: _Builder) -> Tensor:
    return _through_layers(build, _patches(build).view())


def _gemma3(build: _Builder) -> Tensor:
    geometry = build.geometry
    encoded = build.new(geometry.embedding, _encoded(build))
    build.rows = (geometry.patches_per_side // geometry.merge) ** 2
    pooled = build.new(geometry.embedding, build.new(geometry.embedding, encoded))
    # The matrix is turned each time, in its own type.
    matrix = result(build.sizes.get("mm.input_projection.weight", 0))
    return build.new(build.outside.length("mm.input_projection"), matrix, pooled)


def _merged(build: _Builder, encoded: Tensor) -> Tensor:
    """The patches of each token in one row."""
    geometry = build.geometry
    per_side = -(-geometry.patches_per_side // geometry.merge)
    length = geometry.embedding * geometry.merge**2
    if per_side * geometry.merge > geometry.patches_per_side:
        encoded = result(length * per_side**2 * _F32, encoded)
    build.rows = per_side**2
    return build.new(length, build.new(length, encoded))


def _idefics3(build: _Builder) -> Tensor:
    return build.through(_merged(build, _encoded(build)), "mm.model.fc")


def _lfm2(build: _Builder) -> Tensor:
    patches = _patches(build)
    positions = _resized_positions(build)
    patches = combined(patches, positions) if positions else patches
    merged = _merged(build, _through_layers(build, patches.view()))
    if "mm.input_norm" in build.outside:
        merged = build.layer_normed(merged)
    return build.through(merged, "mm.1", "mm.2")


def _janus_pro(build: _Builder) -> Tensor:
    return build.through(_encoded(build), "mm.0", "mm.1")


def _internvl(build: _Builder) -> Tensor:
    geometry = build.geometry
    patches = _patches(build)
    token = result(geometry.embedding * _F32)
    build.rows += 1
    whole = build.new(geometry.embedding, patches, token)
    is_large = geometry.embedding == 3200 and geometry.layers == 45
    encoded = _through_layers(build, whole.view(), in_place if is_large else build.layer_normed)
    build.rows -= 1
    without_token = build.new(geometry.embedding, encoded)
    build.rows = (geometry.patches_per_side // geometry.merge) ** 2
    length = geometry.embedding * geometry.merge**2
    merged = build.new(length, build.new(length, without_token))
    return build.through(build.layer_normed(merged), "mm.model.mlp.1", "mm.model.mlp.3")


def _pixtral(build: _Builder) -> Tensor:
    geometry = build.geometry
    down, across = (build.given(geometry.patches * _I32) for _ in range(2))

    def turned(heads: Tensor) -> Tensor:
        return in_place(result(heads.size, heads, down), across)

    encoded = _through_layers(build, _patches(build).view(), in_place, turned)
    if "mm.patch_merger" in build.outside:
        encoded = build.new(geometry.embedding, in_place(encoded))
        build.rows = (geometry.patches_per_side // geometry.merge) ** 2
        encoded = build.through(build.new(geometry.embedding * geometry.merge**2, encoded), "mm.patch_merger")
    tokens = build.through(encoded, "mm.1", "mm.2")
    if "v.token_embd.img_break" not in build.outside:
        return tokens
    text, rows = build.outside.rows("mm.2"), geometry.patches_per_side // geometry.merge
    breaks = in_place(in_place(Tensor(text * rows * _F32, given=True)))
    return result(text * rows * (rows + 1) * _F32, tokens, breaks)


def _llava(build: _Builder) -> Tensor:
    geometry, outside = build.geometry, build.outside
    stream = _patches(build)
    if "v.class_embd" in outside:
        build.rows += 1
        stream = build.new(geometry.embedding, stream)
    stream = combined(stream, build.new(geometry.embedding, build.given(build.rows * _I32)))
    if "v.pre_ln" in outside:
        stream = build.layer_normed(stream)
    wanted = build.metadata.get("clip.vision.feature_layer")
    features = [each for each in wanted if isinstance(each, int)] if isinstance(wanted, tuple) else []
    deepest = max(features, default=-1)
    last = geometry.layers - 1 if deepest < 0 else min(deepest, geometry.layers)
    kept: list[Tensor] = []
    for index, weights in enumerate(build.layers[:last]):
        if index in features:
            kept.append(stream)
        stream = _after_layer(build, stream, weights, build.layer_normed)
    if "v.post_ln" in outside:
        stream = build.layer_normed(stream)
    if last in features:
        kept.append(stream)
    length = geometry.embedding
    for count, other in enumerate(kept[1:], start=2):
        length = geometry.embedding * count
        stream = build.new(length, kept[0] if count == 2 else stream, other)
    build.rows = geometry.patches
    picked = build.new(length, stream, build.given(build.rows * _I32))
    if "mm.3" in outside:  # of Yi: with norms
        first = build.layer_normed(build.through(picked, "mm.0"))
        return build.layer_normed(build.through(first, "mm.3"))
    return build.through(picked, *(name for name in ("mm.0", "mm.2") if name in outside))


def _qwen2vl(build: _Builder) -> Tensor:
    """Qwen 2.5 has layers that attend within windows, for which tokens are reordered."""
    geometry = build.geometry
    stream = _frames_merged(build)
    tokens = geometry.patches // 4
    window: Tensor | None = None
    norm: Callable[[Tensor], Tensor] = build.layer_normed
    if geometry.projector == "qwen2.5vl_merger":
        norm = in_place
    order: Tensor | None = None
    if geometry.window_pattern:
        stream = build.new(geometry.embedding, stream, build.given(tokens * _I32))
        mask = build.given(geometry.patches**2 * _F32)
        window = result(geometry.patches**2 * _F16, mask)
        order = build.given(tokens * _I32)
    positions = build.given(geometry.patches * 4 * _I32)

    def turned(heads: Tensor) -> Tensor:
        return result(heads.size, heads, positions)

    for index, weights in enumerate(build.layers, start=1):
        is_whole = not geometry.window_pattern or index % geometry.window_pattern == 0
        stream = _after_layer(build, stream, weights, norm, turned, None if is_whole else window)
    if "v.post_ln" in build.outside:
        stream = norm(stream)
    build.rows = tokens
    made = build.through(stream, "mm.0", "mm.2")
    return build.new(build.outside.rows("mm.2"), made, order) if order else made


def _qwen3vl(build: _Builder) -> Tensor:
    """What some layers make is added to the first layers of the model; all of it comes out side by side."""
    geometry = build.geometry
    stream = _frames_merged(build)
    learned = _resized_positions(build) or result(0)
    stream = combined(stream, build.new(geometry.embedding, build.new(geometry.embedding, learned)))
    positions = build.given(geometry.patches * 4 * _I32)

    def turned(heads: Tensor) -> Tensor:
        return result(heads.size, heads, positions)

    tokens = geometry.patches // geometry.merge**2
    deep: Tensor | None = None
    depth = 0
    for index, weights in enumerate(build.layers):
        stream = _after_layer(build, stream, weights, build.layer_normed, turned)
        name = f"v.deepstack.{index}.fc2"
        if name in build.outside:
            build.rows = tokens
            made = build.through(build.layer_normed(stream), f"v.deepstack.{index}.fc1", name)
            depth += build.outside.rows(name)
            deep = build.new(depth, deep, made) if deep else made
            build.rows = geometry.patches
    if "v.post_ln" in build.outside:
        stream = build.layer_normed(stream)
    build.rows = tokens
    made = build.through(stream, "mm.0", "mm.2")
    return build.new(build.outside.rows("mm.2") + depth, made, deep) if deep else made


_GRAPHS: dict[str, Callable[[_Builder], Tensor]] = {
    "gemma3": _gemma3,
    "idefics3": _idefics3,
    "internvl": _internvl,
    "janus_pro": _janus_pro,
    "lfm2": _lfm2,
    "lightonocr": _pixtral,
    "mlp": _llava,
    "pixtral": _pixtral,
    "qwen2vl_merger": _qwen2vl,
    "qwen2.5vl_merger": _qwen2vl,
    "qwen3vl_merger": _qwen3vl,
}


def _convolved(build: _Builder, raw: Tensor, weight: str) -> Tensor:
    """The image cut into patches and each multiplied by the kernel, in the order of the image."""
    geometry = build.geometry
    number = _F32 if build.types.get(weight) == "BF16" else _F16
    columns = result(geometry.patches * _COLORS * geometry.patch**2 * number, raw)
    return build.new(geometry.embedding, build.new(geometry.embedding, columns))


def _image(build: _Builder) -> Tensor:
    return build.given(build.geometry.side**2 * _COLORS * _F32)


def _patches(build: _Builder) -> Tensor:
    """One row for each patch."""
    convolved = _convolved(build, _image(build), "v.patch_embd.weight")
    return build.new(build.geometry.embedding, convolved)


def _frames_merged(build: _Builder) -> Tensor:
    """An image counts as two frames of a film; patches of one token are put together."""
    raw, embedding = _image(build), build.geometry.embedding
    frames = [_convolved(build, raw, name) for name in ("v.patch_embd.weight", "v.patch_embd.weight.1")]
    return build.new(embedding, build.new(embedding, combined(frames[0], frames[1])))


def _resized_positions(build: _Builder) -> Tensor | None:
    """Learned positions, stretched to the image; None where they fit as they are."""
    geometry = build.geometry
    if build.outside.rows("v.position_embd") == geometry.patches:
        return None
    return build.new(geometry.embedding, build.new(geometry.embedding))


def _through_layers(
    build: _Builder,
    stream: Tensor,
    norm: Callable[[Tensor], Tensor] | None = None,
    turned: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    norm = norm or build.layer_normed
    if "v.pre_ln" in build.outside:
        stream = norm(stream)
    for weights in build.layers:
        stream = _after_layer(build, stream, weights, norm, turned)
    return norm(stream) if "v.post_ln" in build.outside else stream


def _after_layer(
    build: _Builder,
    stream: Tensor,
    weights: LayerWeights,
    norm: Callable[[Tensor], Tensor],
    turned: Callable[[Tensor], Tensor] | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    stream = combined(_attended(build, weights, norm, norm(stream), turned, mask), stream)
    return combined(stream, _fed_forward(build, weights, norm(stream)))


def _attended(
    build: _Builder,
    weights: LayerWeights,
    norm: Callable[[Tensor], Tensor],
    normed: Tensor,
    turned: Callable[[Tensor], Tensor] | None,
    mask: Tensor | None,
) -> Tensor:
    geometry = build.geometry
    length = geometry.heads * geometry.head_length
    cached = geometry.kv_heads * geometry.head_length
    if "attn_qkv" in weights:
        fused = build.new(weights.rows("attn_qkv"), normed)
        query, key, value = (fused.view(each * build.rows * _F32) for each in (length, cached, cached))
    else:
        query, key, value = (build.new(weights.rows(name), normed) for name in ("attn_q", "attn_k", "attn_v"))
    if "attn_q_norm" in weights:
        by_head = weights.length("attn_q_norm") == geometry.head_length
        query, key = (norm(each.view(each.size) if by_head else each) for each in (query, key))
    if turned:
        # They are told apart by heads first, which is a view.
        query, key = turned(query.view(query.size)), turned(key.view(key.size))
    for each in (query, key, value):
        build.graph.compute(each)
    halves = [result(cached * build.rows * _F16, each) for each in (key, value)]
    masks = [result(geometry.patches**2 * _F16, mask)] if mask else []
    attended = build.new(length, query, *halves, *masks)
    return build.new(weights.rows("attn_out"), attended)


def _fed_forward(build: _Builder, weights: LayerWeights, normed: Tensor) -> Tensor:
    embedding = build.geometry.embedding
    # Old files have the names of both matrices swapped.
    shape = weights.length("ffn_up"), weights.rows("ffn_up")
    wide = shape[1] if shape[0] == embedding else shape[0]
    if "ffn_gate" in weights:
        gate = build.new(weights.rows("ffn_gate"), normed)
        return build.new(embedding, build.new(wide, gate, build.new(wide, normed)))
    return build.new(embedding, build.new(wide, normed))
