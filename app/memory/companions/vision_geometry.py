"""VisionGeometry: what a projector's header says about the encoder of images in it.

Source: `load_hparams` in `tools/mtmd/clip.cpp` of llama.cpp.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isqrt

from app.gguf import ModelFacts

_MOST_PIXELS_PER_SIDE = 8192
_MOST_PIXELS_PER_PATCH = 65_535
_MOST_ELEMENTS = 1 << 20
_MOST_LAYERS = 512


@dataclass(frozen=True)
class VisionGeometry:
    """`patch` and `side` in pixels: of the squares an image is cut into, and of the square image that llama.cpp
    reserves for. `largest_side`: of the largest that it lets through, 0 where all are scaled to `side`.
    `merge`: patches per side that become one token. `window_pattern`: each so-many-th layer attends to the
    whole image and the others to windows; 0 where all do.
    """

    projector: str
    embedding: int
    heads: int
    kv_heads: int
    head_length: int
    layers: int
    patch: int
    merge: int
    side: int
    largest_side: int = 0
    window_pattern: int = 0

    @property
    def patches_per_side(self) -> int:
        return self.side // self.patch

    @property
    def patches(self) -> int:
        return self.patches_per_side**2

    def of_side(self, side: int) -> VisionGeometry:
        """For a square image with as many pixels a side, but for those beyond a whole token."""
        token = self.patch * self.merge
        return replace(self, side=side // token * token)


@dataclass(frozen=True)
class _Reserves:
    """How a projector chooses its image: `tokens` per side, 0 for the header's image size. `merge`: without one in
    the header; `merge_key`: where it stands there. `largest_tokens`: of one image, 0 where all have one size."""

    tokens: int = 0
    merge: int = 1
    merge_key: str = "projector.scale_factor"
    largest_tokens: int = 0


_QWEN = _Reserves(tokens=46, merge=2, merge_key="spatial_merge_size", largest_tokens=4096)
_PIXTRAL = _Reserves(tokens=16, merge_key="spatial_merge_size", largest_tokens=1024)

_RESERVES = {
    "gemma3": _Reserves(merge=4),
    "idefics3": _Reserves(),
    "internvl": _Reserves(),
    "janus_pro": _Reserves(),
    "lfm2": _Reserves(tokens=16),
    "lightonocr": _Reserves(tokens=16, merge_key="spatial_merge_size"),
    "mlp": _Reserves(),
    "pixtral": _PIXTRAL,
    "qwen2vl_merger": _QWEN,
    "qwen2.5vl_merger": _QWEN,
    "qwen3vl_merger": _QWEN,
}

KNOWN_PROJECTORS = frozenset(_RESERVES)
"""Those whose graph is known here."""


def projector_type(facts: ModelFacts, encoder: str) -> str | None:
    """What the header calls the projector of `encoder`, "vision" or "audio"."""
    for key in ("clip.projector_type", f"clip.{encoder}.projector_type"):
        if isinstance(value := facts.metadata.get(key), str) and value:
            # Qwen 2.5 Omni has one name for both of its encoders.
            return {"qwen2.5o": "qwen2.5vl_merger"}.get(value, value) if encoder == "vision" else value
    return None


def read_vision_geometry(facts: ModelFacts) -> VisionGeometry | None:
    """None where the header lacks a number or gives one that llama.cpp refuses."""
    projector = projector_type(facts, "vision")
    reserves = _RESERVES.get(projector or "", _Reserves())
    embedding = _count(facts, "embedding_length", _MOST_ELEMENTS)
    heads = _count(facts, "attention.head_count", _MOST_ELEMENTS)
    layers = _count(facts, "block_count", _MOST_LAYERS)
    patch = _count(facts, "patch_size", _MOST_PIXELS_PER_PATCH)
    if not (projector and embedding and heads and layers and patch):
        return None
    merge = _count(facts, reserves.merge_key, _MOST_PIXELS_PER_PATCH) or reserves.merge
    image = _count(facts, "image_size", _MOST_PIXELS_PER_SIDE)
    side = reserves.tokens * merge * patch or image or 0
    if not patch * merge <= side <= _MOST_PIXELS_PER_SIDE:
        return None
    return VisionGeometry(
        projector=projector,
        embedding=embedding,
        heads=heads,
        kv_heads=_count(facts, "attention.head_count_kv", _MOST_ELEMENTS) or heads,
        head_length=_count(facts, "attention.head_dim", _MOST_ELEMENTS) or embedding // heads,
        layers=layers,
        patch=patch,
        merge=merge,
        side=side,
        largest_side=isqrt(reserves.largest_tokens * (merge * patch) ** 2),
        window_pattern=_count(facts, "n_wa_pattern", _MOST_LAYERS) or 0,
    )


def _count(facts: ModelFacts, key: str, most: int) -> int | None:
    value = facts.metadata.get(f"clip.vision.{key}")
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 < value <= most
    return value if is_count and isinstance(value, int) else None
