"""Every entry of the catalogue: complete, possible, and in agreement with itself."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from app.recommend import CatalogueModel, read_catalogue

MODELS = read_catalogue()
NEEDED = {
    "block_count",
    "context_length",
    "embedding_length",
    "attention.head_count",
    "attention.head_count_kv",
    "vocab_size",
}
PLAIN = {
    "exaone4",
    "gemma2",
    "gemma3",
    "glm4",
    "granite",
    "llama",
    "mistral3",
    "olmo2",
    "phi3",
    "qwen2",
    "qwen3",
    "qwen3vl",
    "seed_oss",
    "smollm3",
}
"""Architectures whose weights are all in attention, one gated feed-forward part and the embeddings."""

REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


def number(model: CatalogueModel, key: str) -> int:
    """The value, also where it is given for each layer and is the same in all."""
    value = model.geometry[key]
    values = set(value) if isinstance(value, list) else {value}
    (number,) = values
    assert isinstance(number, int), key
    return number


def test_catalogue_has_at_least_60_models_of_at_least_10_families() -> None:
    assert len(MODELS) >= 60
    assert len({model.family for model in MODELS}) >= 10


def test_ids_and_names_are_unique() -> None:
    for names in ([model.id for model in MODELS], [model.name for model in MODELS]):
        assert [name for name, count in Counter(names).items() if count > 1] == []


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)
def test_entry_is_complete_and_possible(model: CatalogueModel) -> None:
    assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*", model.id)
    assert all(REPOSITORY.fullmatch(name) for name in (model.repository, *model.gguf))
    assert re.fullmatch(r"20\d\d(-(0[1-9]|1[0-2]))?|", model.released)
    assert model.name
    assert model.licence
    assert model.source
    assert model.uses
    assert model.geometry.keys() >= NEEDED
    layers = number(model, "block_count")
    assert 1 <= layers <= 512
    heads = number(model, "attention.head_count")
    per_layer = model.geometry["attention.head_count_kv"]
    for kv_heads in per_layer if isinstance(per_layer, list) else [per_layer]:
        assert isinstance(kv_heads, int)
        assert kv_heads == 0 or heads % kv_heads == 0
    for key in ("attention.head_count_kv", "feed_forward_length"):
        value = model.geometry.get(key)
        assert not isinstance(value, list) or len(value) == layers
    if model.geometry.get("expert_count"):
        assert number(model, "expert_used_count") <= number(model, "expert_count")
        assert model.active_parameters is not None
        assert model.active_parameters < model.parameters


@pytest.mark.parametrize(
    "model",
    [m for m in MODELS if m.architecture in PLAIN and not m.geometry.get("expert_count")],
    ids=lambda model: model.id,
)
def test_weights_of_a_plain_model_follow_from_its_geometry(model: CatalogueModel) -> None:
    """Vaswani et al. 2017 with Ainslie et al. 2023 and Shazeer 2020; norms and biases are below 0.5 %."""
    width, heads = number(model, "embedding_length"), number(model, "attention.head_count")
    key = model.geometry.get("attention.key_length", width // heads)
    value = model.geometry.get("attention.value_length", width // heads)
    kv_heads = number(model, "attention.head_count_kv")
    assert isinstance(key, int)
    assert isinstance(value, int)
    attention = width * (heads * key + kv_heads * (key + value)) + heads * value * width
    feed_forward = 3 * width * number(model, "feed_forward_length")
    embeddings = number(model, "vocab_size") * width * (1 if model.tied_embeddings else 2)
    calculated = number(model, "block_count") * (attention + feed_forward) + embeddings
    assert model.parameters == pytest.approx(calculated, rel=0.005)
